package dev.taskpool.http;

import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.engine.Submission;
import dev.taskpool.model.Callback;
import dev.taskpool.model.IdempotencyKey;
import dev.taskpool.model.InputFile;
import dev.taskpool.model.Json;
import dev.taskpool.model.Limits;
import dev.taskpool.model.Problem;
import dev.taskpool.model.ProblemCode;
import dev.taskpool.model.RetryPolicy;
import dev.taskpool.model.Surroundings;
import dev.taskpool.model.TaskSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Turns bodies into submissions: reads them, holds them against the callables, and knows them again by their key. */
final class Submissions {
    private static final String PROPERTIES = "callable, args, kwargs, pool, timeout_ms, queue_timeout_ms, delay_ms,"
            + " priority, max_attempts, retry, deadline_ms, labels, callback_url, callbacks, limits, files";
    /** A hundred years: beyond it, instants would leave the range of the store's arithmetic. */
    private static final long MAX_MILLIS = 100L * 365 * 86_400_000;

    private final JsonIn.Source source;
    private final Registry registry;
    private final CallbackCheck callbacks;
    private final int maxBatch;

    Submissions(JsonIn.Source source, Registry registry, CallbackCheck callbacks, int maxBatch) {
        this.source = source;
        this.registry = registry;
        this.callbacks = callbacks;
        this.maxBatch = maxBatch;
    }

    /** What a body says, before anybody asked whether it can be done. */
    private static final class Draft implements JsonIn.Reading {
        private @Nullable String callable;
        private @Nullable Json args;
        private @Nullable Json kwargs;
        private @Nullable String pool;
        private @Nullable Long timeout;
        private @Nullable Long queueTimeout;
        private @Nullable Long delay;
        private @Nullable Long priority;
        private @Nullable Long maxAttempts;
        private @Nullable RetryJson retry;
        private @Nullable Long deadline;
        private Map<String, String> labels = Map.of();
        private @Nullable String callbackUrl;
        private final List<CallbackJson.Draft> callbacks = new ArrayList<>();
        private Limits limits = Limits.NONE;
        private List<InputFile> files = List.of();

        @Override
        public boolean property(JsonIn in, String name) throws IOException {
            switch (name) {
                case "callable" -> callable = in.string(1, 128);
                case "args" -> args = in.array(1000);
                case "kwargs" -> kwargs = in.object();
                case "pool" -> {
                    pool = in.string(1, 63);
                    if (pool != null && !PoolNames.valid(pool)) {
                        in.error("must match " + PoolNames.PATTERN + ", is '" + pool + "'");
                    }
                }
                case "timeout_ms" -> timeout = in.integer(1, MAX_MILLIS);
                case "queue_timeout_ms" -> queueTimeout = in.integer(1, MAX_MILLIS);
                case "delay_ms" -> delay = in.integer(0, MAX_MILLIS);
                case "priority" -> priority = in.integer(-100, 100);
                case "max_attempts" -> maxAttempts = in.integer(1, 100);
                case "retry" -> {
                    retry = new RetryJson();
                    in.nested(RetryJson.PROPERTIES, retry);
                }
                case "deadline_ms" -> deadline = in.integer(1, MAX_MILLIS);
                case "labels" -> labels = in.strings(32, 63, 256);
                case "callback_url" -> callbackUrl = in.string(1, 2048);
                case "callbacks" -> CallbackJson.read(in, callbacks);
                case "limits" -> limits = LimitsJson.read(in);
                case "files" -> files = FilesJson.read(in);
                default -> {
                    return false;
                }
            }
            return true;
        }

        /** The request in one form, however it was written. */
        void hash(MessageDigest digest) {
            text(digest, callable);
            bytes(digest, args == null ? null : args.utf8());
            bytes(digest, kwargs == null ? null : kwargs.utf8());
            text(digest, pool);
            text(digest, "" + timeout + ',' + queueTimeout + ',' + delay + ',' + priority + ',' + maxAttempts);
            text(digest, retry == null ? null : retry.over(RetryPolicy.DEFAULT).toString());
            text(digest, String.valueOf(deadline));
            labels.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(e -> {
                text(digest, e.getKey());
                text(digest, e.getValue());
            });
            text(digest, callbackUrl);
            callbacks.forEach(each -> text(digest, each.toString()));
            if (!limits.isNone()) {
                text(digest, "limits " + limits.byName());
            }
            FilesJson.hash(files, digest);
        }
    }

    /**
     * What was asked for.
     *
     * @param key null where the request has none
     */
    record Asked(List<Submission> items, @Nullable IdempotencyKey key) {}

    /** Reads the body of submitTask. */
    Asked task(Exchange exchange) {
        String key = key(exchange);
        Draft draft = new Draft();
        source.read(exchange.body(), PROPERTIES, draft);
        return asked(exchange, List.of(draft), false, key);
    }

    /** Reads the body of submitBatch. */
    Asked batch(Exchange exchange) {
        String key = key(exchange);
        List<Draft> drafts = new ArrayList<>();
        source.read(exchange.body(), "items", (in, name) -> {
            if (!name.equals("items")) {
                return false;
            }
            in.objects(
                    maxBatch,
                    PROPERTIES,
                    index -> {
                        Draft draft = new Draft();
                        drafts.add(draft);
                        return draft;
                    },
                    () -> {});
            return true;
        });
        if (drafts.isEmpty()) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST, "/items", "is required and must have 1 to " + maxBatch + " items");
        }
        return asked(exchange, drafts, true, key);
    }

    private Asked asked(Exchange exchange, List<Draft> drafts, boolean isBatch, @Nullable String key) {
        List<Problem.FieldError> missing = new ArrayList<>();
        for (int i = 0; i < drafts.size() && missing.size() < 50; i++) {
            if (drafts.get(i).callable == null) {
                missing.add(new Problem.FieldError(pointer(isBatch, i) + "/callable", "is required"));
            }
        }
        if (!missing.isEmpty()) {
            throw Problem.fields(ProblemCode.INVALID_REQUEST, missing);
        }
        List<Submission> items = new ArrayList<>(drafts.size());
        for (int i = 0; i < drafts.size(); i++) {
            items.add(submission(drafts.get(i), exchange.caller(), pointer(isBatch, i)));
        }
        return new Asked(items, key == null ? null : key(exchange.caller(), key, drafts, isBatch));
    }

    private static String pointer(boolean isBatch, int index) {
        return isBatch ? "/items/" + index : "";
    }

    private Submission submission(Draft draft, Caller caller, String pointer) {
        String name = String.valueOf(draft.callable);
        Registered callable = registry.find(name);
        if (callable == null) {
            throw Problem.field(
                    ProblemCode.UNKNOWN_CALLABLE,
                    pointer + "/callable",
                    "there is no callable '" + Exchange.shortened(name) + "'; GET /v1/callables lists what there is");
        }
        if (!caller.mayRun(name)) {
            throw Problem.of(ProblemCode.FORBIDDEN, "the token " + caller.name() + " is not for the callable " + name);
        }
        if (draft.pool != null) {
            caller.requirePool(draft.pool);
        } else if (!caller.pools().isEmpty()) {
            throw Problem.of(
                    ProblemCode.FORBIDDEN,
                    "the token " + caller.name() + " is for some pools only: name one of " + caller.pools());
        }
        registry.checkArguments(name, draft.args, draft.kwargs, pointer);
        FilesJson.check(draft.files, callable, pointer);
        List<Callback.Wish> told = CallbackJson.wishes(draft.callbackUrl, draft.callbacks, callbacks, pointer);
        Long timeout = draft.timeout;
        if (timeout == null && callable.spec().timeout() != null) {
            timeout = callable.spec().timeout().toMillis();
        }
        TaskSpec spec = new TaskSpec(
                callable.spec().name(),
                draft.args,
                draft.kwargs,
                draft.pool == null ? "" : draft.pool,
                timeout,
                draft.queueTimeout,
                draft.delay == null ? 0 : draft.delay,
                draft.priority == null ? 0 : draft.priority.intValue(),
                draft.maxAttempts == null ? callable.spec().maxAttempts() : draft.maxAttempts.intValue(),
                draft.retry == null
                        ? callable.spec().retry()
                        : draft.retry.over(callable.spec().retry()),
                draft.deadline,
                callable.spec().onLost(),
                draft.labels,
                null,
                0,
                draft.callbackUrl,
                null,
                draft.limits.isNone() && draft.files.isEmpty()
                        ? Surroundings.NONE
                        : new Surroundings(draft.limits, draft.files));
        return new Submission(spec, callable, told);
    }

    // --- idempotency ---

    private static @Nullable String key(Exchange exchange) {
        String key = exchange.header("Idempotency-Key");
        if (key == null) {
            return null;
        }
        String text = key.strip();
        if (text.isEmpty() || text.length() > 255) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST,
                    "header:Idempotency-Key",
                    "must have 1 to 255 characters, has " + text.length());
        }
        return text;
    }

    private static IdempotencyKey key(Caller caller, String key, List<Draft> drafts, boolean isBatch) {
        MessageDigest digest = Tokens.digest();
        text(digest, caller.name());
        text(digest, key);
        String keyHash = base64(digest.digest());
        text(digest, isBatch ? "batch" : "task");
        for (Draft draft : drafts) {
            draft.hash(digest);
        }
        return new IdempotencyKey(keyHash, base64(digest.digest()));
    }

    private static String base64(byte[] hash) {
        return Base64.getEncoder().withoutPadding().encodeToString(hash);
    }

    private static void text(MessageDigest digest, @Nullable String text) {
        bytes(digest, text == null ? null : text.getBytes(StandardCharsets.UTF_8));
    }

    /** With its length in front: no two lists of values give the same bytes. */
    private static void bytes(MessageDigest digest, byte @Nullable [] bytes) {
        int length = bytes == null ? -1 : bytes.length;
        digest.update(
                new byte[] {(byte) (length >>> 24), (byte) (length >>> 16), (byte) (length >>> 8), (byte) length});
        if (bytes != null) {
            digest.update(bytes);
        }
    }
}
