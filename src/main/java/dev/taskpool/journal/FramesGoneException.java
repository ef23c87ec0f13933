package dev.taskpool.journal;

import java.io.IOException;

/** Frames that were asked for are not kept any more. */
public final class FramesGoneException extends IOException {
    private static final long serialVersionUID = 1;

    FramesGoneException(long sequence) {
        super("frame %d is not kept any more".formatted(sequence));
    }
}
