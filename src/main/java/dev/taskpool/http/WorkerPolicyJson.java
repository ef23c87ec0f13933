package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.model.Json;
import dev.taskpool.model.WorkerPolicy;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The settings of a pool that say how its workers begin and when they are replaced. For one body. */
final class WorkerPolicyJson implements JsonIn.Reading {
    private static final long LEAST_MEMORY_BYTES = 1 << 20;
    private static final long MAX_MILLIS = 100L * 365 * 86_400_000;
    private static final int MAX_NAME = 256;

    private @Nullable String callable;
    private @Nullable Json args;
    private @Nullable Json kwargs;
    private boolean initializer;
    private @Nullable Long memory;
    private @Nullable Long age;
    private @Nullable Long stuck;

    @Override
    public boolean property(JsonIn in, String name) throws IOException {
        switch (name) {
            case "initializer" -> {
                initializer = true;
                in.object("callable, args, kwargs", this::ofInitializer);
                if (callable == null) {
                    in.error("must name a callable");
                }
            }
            case "max_worker_memory_bytes" -> memory = in.integer(LEAST_MEMORY_BYTES, Long.MAX_VALUE);
            case "max_worker_age_ms" -> age = in.integer(1, MAX_MILLIS);
            case "max_stuck_workers" -> stuck = in.integer(0, 1024);
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean ofInitializer(JsonIn in, String name) throws IOException {
        switch (name) {
            case "callable" -> callable = in.string(1, MAX_NAME);
            case "args" -> args = in.array(Integer.MAX_VALUE);
            case "kwargs" -> kwargs = in.object();
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Returns the name of a property of PROCESS pools that the body had, or null. */
    @Nullable
    String given() {
        if (initializer) {
            return "initializer";
        }
        return memory != null ? "max_worker_memory_bytes" : age != null ? "max_worker_age_ms" : null;
    }

    /** Returns how many stuck threads are replaced, where the body had it, or null. */
    @Nullable
    Long stuck() {
        return stuck;
    }

    WorkerPolicy policy() {
        String name = callable;
        return new WorkerPolicy(
                name == null ? null : new WorkerPolicy.Initializer(name, args, kwargs),
                memory,
                age,
                stuck == null ? null : Integer.valueOf(stuck.intValue()));
    }

    static void write(JsonGenerator out, WorkerPolicy policy) throws IOException {
        WorkerPolicy.Initializer call = policy.initializer();
        if (call != null) {
            out.writeObjectFieldStart("initializer");
            out.writeStringField("callable", call.callable());
            if (call.args() != null) {
                JsonOut.raw(out, "args", call.args());
            }
            if (call.kwargs() != null) {
                JsonOut.raw(out, "kwargs", call.kwargs());
            }
            out.writeEndObject();
        }
        if (policy.maxMemoryBytes() != null) {
            out.writeNumberField("max_worker_memory_bytes", policy.maxMemoryBytes());
        }
        if (policy.maxAgeMillis() != null) {
            out.writeNumberField("max_worker_age_ms", policy.maxAgeMillis());
        }
        if (policy.maxStuck() != null) {
            out.writeNumberField("max_stuck_workers", policy.maxStuck());
        }
    }
}
