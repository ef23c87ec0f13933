package dev.taskpool.store;

import dev.taskpool.model.Breakage;
import dev.taskpool.model.PoolKind;
import dev.taskpool.model.PoolLimits;
import dev.taskpool.model.PoolSettings;
import dev.taskpool.model.PoolState;
import dev.taskpool.model.WorkerPolicy;

/** How pools stand in the journal and in H2. */
final class PoolCodec {
    /** Bits of the flags. */
    private static final int BY_API = 1;

    private static final int POOL_LIMITS = 2;
    private static final int WORKER_POLICY = 4;
    private static final int POOL_SCRATCH = 8;
    private static final int TTL_CANCELS = 16;
    private static final int BROKEN = 32;

    /** Of the evidence why a pool broke, in characters, so that it fits into its column. */
    private static final int MAX_EVIDENCE = 4_000;

    private PoolCodec() {}

    static void pool(Change.StoredPool pool, Bytes out) {
        PoolSettings s = pool.settings();
        out.putString(pool.name());
        out.putString(pool.state().name());
        Breakage broken = pool.brokenBy();
        WorkerPolicy policy = s.worker();
        boolean hasPolicy = !policy.equals(WorkerPolicy.NONE);
        boolean limited = !s.limits().equals(PoolLimits.NONE);
        boolean scratch = s.limits().defaults().scratchBytes() != null
                || s.limits().maximum().scratchBytes() != null;
        out.putByte((pool.byApi() ? BY_API : 0)
                | (limited ? POOL_LIMITS : 0)
                | (hasPolicy ? WORKER_POLICY : 0)
                | (scratch ? POOL_SCRATCH : 0)
                | (s.ttlCancelsPending() ? TTL_CANCELS : 0)
                | (broken != null ? BROKEN : 0));
        out.putString(s.kind().name());
        out.putLong(s.maxWorkers());
        out.putLong(s.minWorkers());
        out.putByte(s.virtualThreads() ? 1 : 0);
        out.putString(s.workerType());
        out.putOptional(s.maxTasksPerWorker());
        out.putOptional(s.idleTimeoutMillis());
        out.putString(s.onWorkerLost().name());
        out.putOptional(s.ttlMillis());
        out.putLong(s.queueCapacity());
        out.putOptional(s.defaultTimeoutMillis());
        out.putLong(s.graceMillis());
        if (limited) {
            Codec.limits(s.limits().defaults(), out);
            Codec.limits(s.limits().maximum(), out);
            out.putOptional(s.limits().maxTimeoutMillis());
            out.putOptional(s.limits().queueTimeoutMillis());
            out.putOptional(s.limits().maxQueueTimeoutMillis());
        }
        if (hasPolicy) {
            policy(policy, out);
        }
        if (scratch) {
            out.putOptional(s.limits().defaults().scratchBytes());
            out.putOptional(s.limits().maximum().scratchBytes());
        }
        if (broken != null) {
            out.putString(broken.code());
            out.putString(beginning(broken.message()));
            out.putString(beginning(broken.cause()));
        }
    }

    private static String beginning(String text) {
        return text.length() <= MAX_EVIDENCE ? text : text.substring(0, MAX_EVIDENCE) + "…";
    }

    private static void policy(WorkerPolicy policy, Bytes out) {
        WorkerPolicy.Initializer initializer = policy.initializer();
        out.putByte(initializer == null ? 0 : 1);
        if (initializer != null) {
            out.putString(initializer.callable());
            out.putOptional(initializer.args());
            out.putOptional(initializer.kwargs());
        }
        out.putOptional(policy.maxMemoryBytes());
        out.putOptional(policy.maxAgeMillis());
        out.putOptional(policy.maxStuck());
    }

    private static WorkerPolicy policy(Bytes.Reader in) {
        WorkerPolicy.Initializer initializer = in.readByte() == 0
                ? null
                : new WorkerPolicy.Initializer(in.readString(), in.readOptionalJson(), in.readOptionalJson());
        return new WorkerPolicy(initializer, in.readOptionalLong(), in.readOptionalLong(), in.readOptionalInt());
    }

    static Change.StoredPool pool(Bytes.Reader in) {
        String name = in.readString();
        PoolState state = PoolState.valueOf(in.readString());
        int flags = in.readByte();
        PoolSettings settings = new PoolSettings(
                PoolKind.valueOf(in.readString()),
                in.readInt(),
                in.readInt(),
                in.readByte() != 0,
                in.readString(),
                in.readOptionalInt(),
                in.readOptionalLong(),
                PoolSettings.OnWorkerLost.valueOf(in.readString()),
                in.readOptionalLong(),
                in.readInt(),
                in.readOptionalLong(),
                in.readLong());
        if ((flags & POOL_LIMITS) != 0) {
            settings = settings.with(new PoolLimits(
                    Codec.limits(in),
                    Codec.limits(in),
                    in.readOptionalLong(),
                    in.readOptionalLong(),
                    in.readOptionalLong()));
        }
        if ((flags & WORKER_POLICY) != 0) {
            settings = settings.with(policy(in));
        }
        if ((flags & POOL_SCRATCH) != 0) {
            PoolLimits l = settings.limits();
            settings = settings.with(new PoolLimits(
                    Codec.scratch(l.defaults(), in.readOptionalLong()),
                    Codec.scratch(l.maximum(), in.readOptionalLong()),
                    l.maxTimeoutMillis(),
                    l.queueTimeoutMillis(),
                    l.maxQueueTimeoutMillis()));
        }
        if ((flags & TTL_CANCELS) != 0) {
            settings = settings.withTtlCancelsPending(true);
        }
        Breakage broken =
                (flags & BROKEN) == 0 ? null : new Breakage(in.readString(), in.readString(), in.readString());
        return new Change.StoredPool(name, settings, state, (flags & BY_API) != 0, broken);
    }
}
