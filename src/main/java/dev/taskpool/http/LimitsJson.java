package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.model.Limits;
import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Limits of processes as clients write and see them. */
final class LimitsJson implements JsonIn.Reading {
    static final String PROPERTIES = "memory_bytes, cpu_ms, open_files, processes, file_size_bytes, scratch_bytes";

    private @Nullable Long memory;
    private @Nullable Long cpu;
    private @Nullable Long openFiles;
    private @Nullable Long processes;
    private @Nullable Long fileSize;
    private @Nullable Long scratch;

    @Override
    public boolean property(JsonIn in, String name) throws IOException {
        switch (name) {
            case "memory_bytes" -> memory = in.integer(Limits.LEAST_MEMORY_BYTES, Limits.MOST);
            case "cpu_ms" -> cpu = in.integer(1, Limits.MOST);
            case "open_files" -> openFiles = in.integer(Limits.LEAST_OPEN_FILES, Limits.MOST);
            case "processes" -> processes = in.integer(1, Limits.MOST);
            case "file_size_bytes" -> fileSize = in.integer(0, Limits.MOST);
            case "scratch_bytes" -> scratch = in.integer(Limits.LEAST_SCRATCH_BYTES, Limits.MOST);
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Reads the current value. */
    static Limits read(JsonIn in) throws IOException {
        LimitsJson reading = new LimitsJson();
        in.nested(PROPERTIES, reading);
        return new Limits(
                reading.memory, reading.cpu, reading.openFiles, reading.processes, reading.fileSize, reading.scratch);
    }

    /** Writes them as a property, unless there are none. */
    static void write(JsonGenerator out, String name, Limits limits) throws IOException {
        if (!limits.isNone()) {
            out.writeObjectFieldStart(name);
            for (Map.Entry<String, Long> each : limits.byName().entrySet()) {
                out.writeNumberField(each.getKey(), each.getValue());
            }
            out.writeEndObject();
        }
    }
}
