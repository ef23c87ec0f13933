package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.BatchPart;
import dev.taskpool.model.BatchRules;
import dev.taskpool.model.Callbacks;

/** The bytes of batches; see {@link Codec}. */
final class BatchCodec {
    private static final int OPEN = 1;
    private static final int RULES = 2;
    private static final int INTERRUPT = 4;
    private static final int CALLBACKS = 8;

    private BatchCodec() {}

    /**
     * A batch as it was read.
     *
     * @param batch without its callbacks
     * @param callbacks whether it has any, which stand elsewhere
     */
    record Stored(Batch batch, boolean callbacks) {}

    /** All of it, for the journal. */
    static void whole(Batch batch, Bytes out) {
        batch(batch, out);
        if (!batch.callbacks().isEmpty()) {
            CallbackCodec.all(batch.callbacks(), out);
        }
    }

    static Batch whole(Bytes.Reader in) {
        Stored stored = batch(in);
        return stored.callbacks ? stored.batch.with(CallbackCodec.all(in)) : stored.batch;
    }

    /** All but its callbacks. */
    static void batch(Batch batch, Bytes out) {
        BatchRules rules = batch.rules();
        boolean ruled = !rules.equals(BatchRules.NONE);
        out.putFixed(batch.id().sequence());
        out.putFixed(batch.id().nonce());
        out.putByte((batch.open() ? OPEN : 0)
                | (ruled ? RULES : 0)
                | (rules.interrupt() ? INTERRUPT : 0)
                | (batch.callbacks().isEmpty() ? 0 : CALLBACKS));
        out.putString(batch.owner());
        if (ruled) {
            out.putLong(rules.successCount());
            out.putString(rules.cancelRestOn().name());
        }
        out.putLong(batch.createdAt());
        out.putLong(batch.taken());
        out.putLong(batch.refused());
        out.putLong(batch.pending());
        out.putLong(batch.running());
        out.putLong(batch.succeeded());
        out.putLong(batch.failed());
        out.putLong(batch.cancelled());
        out.putLong(batch.finishedMicros());
        out.putLong(batch.expiresAt());
    }

    static Stored batch(Bytes.Reader in) {
        BatchId id = new BatchId(in.readFixed(), in.readFixed());
        int flags = in.readByte();
        String owner = in.readString();
        BatchRules rules = (flags & RULES) == 0
                ? BatchRules.NONE
                : new BatchRules(
                        in.readLong(), BatchRules.CancelRestOn.valueOf(in.readString()), (flags & INTERRUPT) != 0);
        Batch batch = new Batch(
                id,
                owner,
                rules,
                in.readLong(),
                (flags & OPEN) != 0,
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                Callbacks.NONE);
        return new Stored(batch, (flags & CALLBACKS) != 0);
    }

    static void part(BatchPart part, Bytes out) {
        out.putFixed(part.batch().sequence());
        out.putFixed(part.batch().nonce());
        out.putLong(part.index());
        out.putFixed(part.sequence());
        out.putLong(part.count());
    }

    static BatchPart part(Bytes.Reader in) {
        return new BatchPart(new BatchId(in.readFixed(), in.readFixed()), in.readLong(), in.readFixed(), in.readInt());
    }
}
