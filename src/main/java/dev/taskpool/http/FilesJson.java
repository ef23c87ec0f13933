package dev.taskpool.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.taskpool.callable.Registered;
import dev.taskpool.model.Artifacts;
import dev.taskpool.model.FileRules;
import dev.taskpool.model.InputFile;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Files that tasks bring along and leave behind, as clients write and see them. */
final class FilesJson {
    private static final String PROPERTIES = "name, text, base64";

    private FilesJson() {}

    /** One file of a submission. */
    private static final class Entry implements JsonIn.Reading {
        private @Nullable String name;
        private byte @Nullable [] content;
        private boolean twice;
        private boolean wrong;

        @Override
        public boolean property(JsonIn in, String property) throws IOException {
            switch (property) {
                case "name" -> {
                    name = in.string(1, InputFile.MAX_NAME);
                    wrong |= name == null;
                    if (name != null) {
                        InputFile.problem(name).ifPresent(problem -> {
                            in.error(problem);
                            wrong = true;
                        });
                    }
                }
                case "text" -> take(text(in));
                case "base64" -> take(base64(in));
                default -> {
                    return false;
                }
            }
            return true;
        }

        private void take(byte @Nullable [] bytes) {
            twice |= content != null;
            wrong |= bytes == null;
            content = bytes;
        }

        private static byte @Nullable [] text(JsonIn in) throws IOException {
            String text = in.string(0, Integer.MAX_VALUE);
            if (text != null && !StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
                in.error("has half a surrogate pair, which has no UTF-8");
                return null;
            }
            return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
        }

        private static byte @Nullable [] base64(JsonIn in) throws IOException {
            String text = in.string(0, Integer.MAX_VALUE);
            try {
                return text == null ? null : Base64.getDecoder().decode(text);
            } catch (IllegalArgumentException e) {
                in.error("must be base64 as RFC 4648 section 4 has it, without line ends: " + e.getMessage());
                return null;
            }
        }
    }

    /** Reads the current value; what is wrong is noted. */
    static List<InputFile> read(JsonIn in) throws IOException {
        List<Entry> entries = new ArrayList<>();
        List<InputFile> files = new ArrayList<>();
        // Names of files, and of the folders that they are in.
        Set<String> names = new HashSet<>();
        Set<String> folders = new HashSet<>();
        in.objects(
                FileRules.MOST_FILES,
                PROPERTIES,
                index -> {
                    Entry entry = new Entry();
                    entries.add(entry);
                    return entry;
                },
                () -> end(in, entries.getLast(), files, names, folders));
        return files;
    }

    private static void end(JsonIn in, Entry entry, List<InputFile> files, Set<String> names, Set<String> folders) {
        String name = entry.name;
        if (name == null && !entry.wrong) {
            in.missing("name");
        }
        if (entry.content == null && !entry.wrong) {
            in.error("text", "is required, or base64");
        }
        if (entry.twice) {
            in.error("base64", "cannot stand beside text: a file has one content");
        }
        byte[] content = entry.content;
        if (name == null || content == null || entry.wrong) {
            return;
        }
        if (!names.add(name)) {
            in.error("name", "is '" + name + "' a second time");
            return;
        }
        boolean clash = folders.contains(name);
        for (int slash = name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1)) {
            folders.add(name.substring(0, slash));
            clash |= names.contains(name.substring(0, slash));
        }
        if (clash) {
            in.error("name", "is '" + name + "', and one of the two is the name of a file and of a folder");
            return;
        }
        files.add(new InputFile(name, content));
    }

    /**
     * Holds files against what the callable takes.
     *
     * @param pointer where the submission stands in the request
     * @throws Problem {@code files_not_allowed}
     */
    static void check(List<InputFile> files, Registered callable, String pointer) {
        if (files.isEmpty()) {
            return;
        }
        String name = callable.spec().name();
        FileRules rules = callable.files();
        if (rules.maxFiles() == 0) {
            throw refused(
                    pointer,
                    name + " takes no files: a command does whose files_max_count is not 0, and nothing else does");
        }
        if (files.size() > rules.maxFiles()) {
            throw refused(
                    pointer,
                    "has " + files.size() + " files, and " + name + " takes files_max_count = " + rules.maxFiles());
        }
        long bytes = files.stream().mapToLong(InputFile::size).sum();
        if (bytes > rules.maxFilesBytes()) {
            throw refused(
                    pointer,
                    "has " + bytes + " bytes in all, and " + name + " takes files_max_bytes = "
                            + rules.maxFilesBytes());
        }
    }

    private static Problem refused(String pointer, String detail) {
        return Problem.field(ProblemCode.FILES_NOT_ALLOWED, pointer + "/files", detail);
    }

    /** Adds files to what a request is known again by. */
    static void hash(List<InputFile> files, MessageDigest digest) {
        for (InputFile file : files) {
            digest.update(("file " + file.name().length() + " " + file.size() + " " + file.name())
                    .getBytes(StandardCharsets.UTF_8));
            digest.update(file.content());
        }
    }

    /** Writes names and sizes of input files as a property, unless there are none. */
    static void inputs(JsonGenerator out, List<InputFile> files) throws IOException {
        if (files.isEmpty()) {
            return;
        }
        out.writeArrayFieldStart("files");
        for (InputFile file : files) {
            out.writeStartObject();
            out.writeStringField("name", file.name());
            out.writeNumberField("size_bytes", file.size());
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    /** Writes what is kept, and what is not, as properties of a task. */
    static void artifacts(JsonGenerator out, Artifacts artifacts) throws IOException {
        if (!artifacts.kept().isEmpty()) {
            kept(out, "artifacts", artifacts);
        }
        if (artifacts.leftOutCount() > 0) {
            leftOut(out, "artifacts_left_out", artifacts);
            out.writeNumberField("artifacts_left_out_count", artifacts.leftOutCount());
        }
    }

    /** Writes a list of what is kept. */
    static void kept(JsonGenerator out, String property, Artifacts artifacts) throws IOException {
        out.writeArrayFieldStart(property);
        for (Artifacts.Artifact each : artifacts.kept()) {
            out.writeStartObject();
            out.writeStringField("name", each.name());
            out.writeNumberField("size_bytes", each.sizeBytes());
            out.writeStringField("sha256", each.sha256());
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    /** Writes a list of what is not. */
    static void leftOut(JsonGenerator out, String property, Artifacts artifacts) throws IOException {
        out.writeArrayFieldStart(property);
        for (Artifacts.LeftOut each : artifacts.leftOut()) {
            out.writeStartObject();
            out.writeStringField("name", each.name());
            out.writeStringField("reason", each.reason().code());
            Long size = each.sizeBytes();
            if (size != null) {
                out.writeNumberField("size_bytes", size);
            }
            out.writeEndObject();
        }
        out.writeEndArray();
    }

    /** Writes what a callable takes and keeps, as properties of it, as far as it does. */
    static void rules(JsonGenerator out, FileRules rules) throws IOException {
        if (rules.maxFiles() > 0) {
            out.writeObjectFieldStart("files");
            out.writeNumberField("max_count", rules.maxFiles());
            out.writeNumberField("max_bytes", rules.maxFilesBytes());
            out.writeEndObject();
        }
        if (rules.keepsArtifacts()) {
            out.writeObjectFieldStart("artifacts");
            out.writeArrayFieldStart("patterns");
            for (String pattern : rules.artifacts()) {
                out.writeString(pattern);
            }
            out.writeEndArray();
            out.writeNumberField("max_count", rules.maxArtifacts());
            out.writeNumberField("max_bytes", rules.maxArtifactsBytes());
            out.writeEndObject();
        }
    }
}
