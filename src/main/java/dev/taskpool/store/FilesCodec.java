package dev.taskpool.store;

import dev.taskpool.model.Artifacts;
import dev.taskpool.model.InputFile;
import java.util.ArrayList;
import java.util.List;

/** The bytes of what tasks bring along and leave behind in files; see {@link Codec}. */
final class FilesCodec {
    private FilesCodec() {}

    static void inputs(List<InputFile> files, Bytes out) {
        out.putLong(files.size());
        for (InputFile file : files) {
            out.putString(file.name());
            out.putBytes(file.content());
        }
    }

    static List<InputFile> inputs(Bytes.Reader in) {
        List<InputFile> files = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            files.add(new InputFile(in.readString(), in.readBytes()));
        }
        return files;
    }

    static void artifacts(Artifacts artifacts, Bytes out) {
        out.putLong(artifacts.kept().size());
        for (Artifacts.Artifact each : artifacts.kept()) {
            out.putString(each.name());
            out.putLong(each.sizeBytes());
            out.putString(each.sha256());
        }
        out.putLong(artifacts.leftOut().size());
        for (Artifacts.LeftOut each : artifacts.leftOut()) {
            out.putString(each.name());
            out.putByte(code(each.reason()));
            out.putOptional(each.sizeBytes());
        }
        out.putLong(artifacts.leftOutCount());
    }

    static Artifacts artifacts(Bytes.Reader in) {
        List<Artifacts.Artifact> kept = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            kept.add(new Artifacts.Artifact(in.readString(), in.readLong(), in.readString()));
        }
        List<Artifacts.LeftOut> leftOut = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            leftOut.add(new Artifacts.LeftOut(in.readString(), reason(in.readByte()), in.readOptionalLong()));
        }
        return new Artifacts(kept, leftOut, in.readInt());
    }

    private static int code(Artifacts.Reason reason) {
        return switch (reason) {
            case TOO_LARGE -> 1;
            case TOO_MANY -> 2;
            case NOT_A_FILE -> 3;
            case NOT_ITS_OWN -> 4;
            case BAD_NAME -> 5;
            case NOT_SEARCHED -> 6;
            case FAILED -> 7;
        };
    }

    private static Artifacts.Reason reason(int code) {
        return switch (code) {
            case 1 -> Artifacts.Reason.TOO_LARGE;
            case 2 -> Artifacts.Reason.TOO_MANY;
            case 3 -> Artifacts.Reason.NOT_A_FILE;
            case 4 -> Artifacts.Reason.NOT_ITS_OWN;
            case 5 -> Artifacts.Reason.BAD_NAME;
            case 6 -> Artifacts.Reason.NOT_SEARCHED;
            case 7 -> Artifacts.Reason.FAILED;
            default -> throw new IllegalStateException("unknown reason in the store: " + code);
        };
    }
}
