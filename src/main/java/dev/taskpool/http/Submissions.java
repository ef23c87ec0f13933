package dev.taskpool.http;

import dev.taskpool.callable.Registered;
import dev.taskpool.callable.Registry;
import dev.taskpool.engine.Placed;
import dev.taskpool.engine.Refusal;
import dev.taskpool.engine.Submission;
import dev.taskpool.model.Callback;
import dev.taskpool.model.HeapShare;
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
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Turns bodies into submissions: reads them, holds them against the callables, and knows them again by their key. */
final class Submissions {
    private static final String PROPERTIES = "callable, args, kwargs, pool, timeout_ms, queue_timeout_ms, delay_ms,"
            + " priority, max_attempts, retry, deadline_ms, labels, callback_url, callbacks, limits, files";
    /** A hundred years: beyond it, instants would leave the range of the store's arithmetic. */
    private static final long MAX_MILLIS = 100L * 365 * 86_400_000;

    private static final int MAX_ERRORS = 50;

    /** What the tasks of a map may come to, on a heap of some size. */
    private static final long MAP_BYTES = 32L << 20;

    private static final String MAP_PROPERTIES =
            "args_list, " + PROPERTIES.replace("args, ", "") + ", " + BatchRulesJson.PROPERTIES.replace("atomic, ", "");

    private final JsonIn.Source source;
    private final Registry registry;
    private final CallbackCheck callbacks;
    private final int maxBatch;
    private final long maxMap;

    /** @param maxBytes of a body. The tasks of a map share one, and each is written by itself: they may come to more, but not to much of the heap */
    Submissions(JsonIn.Source source, Registry registry, CallbackCheck callbacks, int maxBatch, long maxBytes) {
        this.source = source;
        this.registry = registry;
        this.callbacks = callbacks;
        this.maxBatch = maxBatch;
        this.maxMap = Math.max(maxBytes, HeapShare.of(MAP_BYTES));
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
                case "callback_url" -> callbackUrl = in.string(1, CallbackJson.MAX_URL_CHARS);
                case "callbacks" -> CallbackJson.read(in, callbacks);
                case "limits" -> limits = LimitsJson.read(in);
                case "files" -> files = FilesJson.read(in);
                default -> {
                    return false;
                }
            }
            return true;
        }

        /** The same with other arguments. */
        Draft with(Json otherArgs) {
            Draft other = new Draft();
            other.callable = callable;
            other.args = otherArgs;
            other.kwargs = kwargs;
            other.pool = pool;
            other.timeout = timeout;
            other.queueTimeout = queueTimeout;
            other.delay = delay;
            other.priority = priority;
            other.maxAttempts = maxAttempts;
            other.retry = retry;
            other.deadline = deadline;
            other.labels = labels;
            other.callbackUrl = callbackUrl;
            other.callbacks.addAll(callbacks);
            other.limits = limits;
            other.files = files;
            return other;
        }

        /** The request in one form, however it was written. */
        void hash(MessageDigest digest) {
            Keys.text(digest, callable);
            Keys.bytes(digest, args == null ? null : args.utf8());
            Keys.bytes(digest, kwargs == null ? null : kwargs.utf8());
            Keys.text(digest, pool);
            Keys.text(digest, "" + timeout + ',' + queueTimeout + ',' + delay + ',' + priority + ',' + maxAttempts);
            Keys.text(
                    digest,
                    retry == null ? null : retry.over(RetryPolicy.DEFAULT).toString());
            Keys.text(digest, String.valueOf(deadline));
            labels.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(e -> {
                Keys.text(digest, e.getKey());
                Keys.text(digest, e.getValue());
            });
            Keys.text(digest, callbackUrl);
            callbacks.forEach(each -> Keys.text(digest, each.toString()));
            if (!limits.isNone()) {
                Keys.text(digest, "limits " + limits.byName());
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
        String key = Keys.header(exchange);
        Draft draft = new Draft();
        source.read(exchange.body(), PROPERTIES, draft);
        return asked(exchange, List.of(draft), false, key, "");
    }

    /** Reads the body of putTask. */
    Asked task(Exchange exchange, String callerId) {
        Draft draft = new Draft();
        source.read(exchange.body(), PROPERTIES, draft);
        Asked asked = asked(exchange, List.of(draft), false, "", "");
        MessageDigest digest = Tokens.digest();
        draft.hash(digest);
        return new Asked(asked.items(), Keys.ofId(exchange.caller(), callerId, digest));
    }

    /** Reads the body of submitBatch. */
    BatchSubmission batch(Exchange exchange) {
        String key = Keys.header(exchange);
        byte[] body = exchange.body();
        BatchRulesJson rules = new BatchRulesJson(callbacks);
        List<Draft> drafts = new ArrayList<>();
        JsonIn.Reading reading = (in, name) -> {
            if (!name.equals("items")) {
                return rules.property(in, name);
            }
            in.objects(
                    maxBatch,
                    PROPERTIES,
                    index -> {
                        // What is no object has no draft of its own, and a problem.
                        while (drafts.size() <= index) {
                            drafts.add(new Draft());
                        }
                        return drafts.getLast();
                    },
                    () -> {});
            return true;
        };
        Map<Integer, Problem> wrong = Map.of();
        try {
            source.read(body, "items, " + BatchRulesJson.PROPERTIES, reading, Math.max(MAX_ERRORS, maxBatch));
        } catch (Problem e) {
            wrong = rules.atomic() ? Map.of() : Refusals.byItem(e);
            if (wrong.isEmpty()) {
                throw Refusals.firstOf(e, MAX_ERRORS);
            }
        }
        if (drafts.isEmpty() && wrong.isEmpty()) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST, "/items", "is required and must have 1 to " + maxBatch + " items");
        }
        rules.check(drafts.size());
        if (rules.atomic()) {
            Asked asked = asked(exchange, drafts, true, key, rules.text());
            List<Placed> items = new ArrayList<>(drafts.size());
            asked.items().forEach(item -> items.add(new Placed(items.size(), item)));
            return new BatchSubmission(
                    items, List.of(), rules.grouping(exchange.caller(), drafts.size(), "/items/"), asked.key());
        }
        for (int last : wrong.keySet()) {
            while (drafts.size() <= last) {
                drafts.add(new Draft());
            }
        }
        return inPart(exchange, drafts, wrong, rules, key == null ? null : Keys.of(exchange.caller(), key, body));
    }

    private BatchSubmission inPart(
            Exchange exchange,
            List<Draft> drafts,
            Map<Integer, Problem> wrong,
            BatchRulesJson rules,
            @Nullable IdempotencyKey key) {
        List<Placed> items = new ArrayList<>(drafts.size());
        List<Refusal> refusals = new ArrayList<>();
        for (int i = 0; i < drafts.size(); i++) {
            try {
                Problem known = wrong.get(i);
                if (known != null) {
                    throw known;
                }
                items.add(new Placed(i, submission(drafts.get(i), exchange.caller(), "/items/" + i)));
            } catch (Problem e) {
                refusals.add(new Refusal(i, e));
            }
        }
        if (items.isEmpty()) {
            throw refusals.getFirst().problem();
        }
        return new BatchSubmission(items, refusals, rules.grouping(exchange.caller(), drafts.size(), "/items/"), key);
    }

    /** Reads the body of submitMap. */
    BatchSubmission map(Exchange exchange) {
        String key = Keys.header(exchange);
        byte[] body = exchange.body();
        BatchRulesJson rules = new BatchRulesJson(callbacks);
        Draft common = new Draft();
        List<Json> lists = new ArrayList<>();
        source.read(body, MAP_PROPERTIES, (in, name) -> switch (name) {
            case "args" -> false;
            case "args_list" -> {
                List<Json> read = in.arrays(maxBatch, 1000);
                if (read != null) {
                    lists.addAll(read);
                }
                yield true;
            }
            default -> common.property(in, name) || (!name.equals("atomic") && rules.property(in, name));
        });
        if (lists.isEmpty()) {
            throw Problem.field(
                    ProblemCode.INVALID_REQUEST, "/args_list", "is required and must have 1 to " + maxBatch + " items");
        }
        rules.check(lists.size());
        List<Placed> items = new ArrayList<>(lists.size());
        long bytes = 0;
        for (Json args : lists) {
            String at = "/args_list/" + items.size();
            try {
                Submission each = submission(common.with(args), exchange.caller(), at);
                items.add(new Placed(items.size(), each));
                bytes += each.weight();
            } catch (Problem e) {
                throw Refusals.ofMap(e, at);
            }
            if (bytes > maxMap) {
                throw Problem.field(
                        ProblemCode.REQUEST_TOO_LARGE,
                        "/args_list",
                        "comes to more than " + maxMap + " bytes in " + lists.size()
                                + " tasks, each of which has all that the others have as well; give fewer lists at once");
            }
        }
        return new BatchSubmission(
                items,
                List.of(),
                rules.grouping(exchange.caller(), items.size(), ""),
                key == null ? null : Keys.of(exchange.caller(), key, body));
    }

    /**
     * Reads a line of a streamed map: a submission, or the argument list of one.
     *
     * @param callable what lines run that name none; null where they have to
     * @param pool where tasks go whose line names none; null where that is as without a map
     */
    Submission line(byte[] line, @Nullable String callable, @Nullable String pool, Caller caller) {
        Draft draft = new Draft();
        if (line[0] == '[') {
            draft.args = source.array(line, 1000);
        } else {
            source.read(line, PROPERTIES, draft);
        }
        if (draft.callable == null) {
            draft.callable = callable;
        }
        if (draft.pool == null) {
            draft.pool = pool;
        }
        return submission(draft, caller, "");
    }

    private Asked asked(Exchange exchange, List<Draft> drafts, boolean isBatch, @Nullable String key, String rules) {
        List<Problem.FieldError> missing = new ArrayList<>();
        for (int i = 0; i < drafts.size() && missing.size() < MAX_ERRORS; i++) {
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
        return new Asked(items, key == null ? null : key(exchange.caller(), key, drafts, isBatch, rules));
    }

    private static String pointer(boolean isBatch, int index) {
        return isBatch ? "/items/" + index : "";
    }

    /**
     * Returns a callable.
     *
     * @param pointer to where it is named
     * @throws Problem where there is none of that name
     */
    Registered callable(String name, String pointer) {
        Registered callable = registry.find(name);
        if (callable == null) {
            throw Problem.field(
                    ProblemCode.UNKNOWN_CALLABLE,
                    pointer,
                    "there is no callable '" + Exchange.shortened(name) + "'; GET /v1/callables lists what there is");
        }
        return callable;
    }

    private Submission submission(Draft draft, Caller caller, String pointer) {
        String name = draft.callable;
        if (name == null) {
            throw Problem.field(ProblemCode.INVALID_REQUEST, pointer + "/callable", "is required");
        }
        Registered callable = callable(name, pointer + "/callable");
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
        List<Callback.Wish> told = CallbackJson.wishes(draft.callbackUrl, draft.callbacks, callbacks, pointer + "/");
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

    private static IdempotencyKey key(Caller caller, String key, List<Draft> drafts, boolean isBatch, String rules) {
        MessageDigest digest = Tokens.digest();
        Keys.text(digest, isBatch ? "batch" + rules : "task");
        for (Draft draft : drafts) {
            draft.hash(digest);
        }
        return Keys.of(caller, key, digest);
    }
}
