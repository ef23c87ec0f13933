package dev.taskpool.metrics;

import dev.taskpool.engine.Observer;
import dev.taskpool.engine.PoolView;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * All meters of a service, in a registry of their own. The engine's thread counts; whoever scrapes reads. A pool that is
 * gone takes its meters with it, so that short-lived pools leave no series behind.
 */
public final class Metrics implements Observer, AutoCloseable {
    private static final Duration[] BUCKETS = {
        Duration.ofMillis(1),
        Duration.ofMillis(5),
        Duration.ofMillis(25),
        Duration.ofMillis(100),
        Duration.ofMillis(500),
        Duration.ofSeconds(2),
        Duration.ofSeconds(10),
        Duration.ofSeconds(60),
        Duration.ofMinutes(10)
    };

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JvmGcMetrics collector = new JvmGcMetrics();
    private final Map<String, PoolMeters> pools = new ConcurrentHashMap<>();
    private final Timer commits;
    private final DistributionSummary commitChanges;
    private final Counter lateWords;

    /** What the pools looked like when last asked; replaced as a whole by who scrapes. */
    private volatile Map<String, PoolView> views = Map.of();

    private static final class PoolMeters {
        final Counter accepted;
        final Counter started;
        final Counter retried;
        final Map<TaskState, Counter> done = new EnumMap<>(TaskState.class);
        final Timer queued;
        final Timer ran;

        PoolMeters(PrometheusMeterRegistry registry, String pool) {
            Tags tags = Tags.of("pool", pool);
            accepted = counter(registry, "taskpool.tasks.accepted", "Tasks accepted", tags);
            started = counter(registry, "taskpool.attempts.started", "Runs begun", tags);
            retried = counter(
                    registry, "taskpool.attempts.requeued", "Runs that ended with the task pending again", tags);
            for (TaskState state : TaskState.values()) {
                if (state.done()) {
                    done.put(
                            state,
                            counter(registry, "taskpool.tasks.done", "Tasks done", tags.and("state", state.name())));
                }
            }
            queued = timer(registry, "taskpool.task.queued", "From acceptance to start", tags);
            ran = timer(registry, "taskpool.task.run", "Time of the last run of a task", tags);
        }

        void remove(PrometheusMeterRegistry registry) {
            List.of(accepted, started, retried, queued, ran).forEach(registry::remove);
            done.values().forEach(registry::remove);
        }
    }

    /** Starts to watch the JVM. */
    public Metrics() {
        new JvmMemoryMetrics().bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        new FileDescriptorMetrics().bindTo(registry);
        new UptimeMetrics().bindTo(registry);
        collector.bindTo(registry);
        commits = timer(registry, "taskpool.commit", "Time to make one batch of changes durable", Tags.empty());
        commitChanges = DistributionSummary.builder("taskpool.commit.changes")
                .description("Changes in one batch")
                .register(registry);
        lateWords =
                counter(registry, "taskpool.late.words", "Words of workers about runs that were over", Tags.empty());
    }

    private static Counter counter(PrometheusMeterRegistry registry, String name, String description, Tags tags) {
        return Counter.builder(name).description(description).tags(tags).register(registry);
    }

    private static Timer timer(PrometheusMeterRegistry registry, String name, String description, Tags tags) {
        return Timer.builder(name)
                .description(description)
                .tags(tags)
                .serviceLevelObjectives(BUCKETS)
                .register(registry);
    }

    /** Adds a figure that is asked for at each scrape. */
    public void gauge(String name, String description, Supplier<Number> value) {
        Gauge.builder(name, value)
                .description(description)
                .strongReference(true)
                .register(registry);
    }

    /** Returns everything in the text format of Prometheus 0.0.4. */
    public byte[] scrape(List<PoolView> now) {
        Map<String, PoolView> fresh = new HashMap<>();
        now.forEach(p -> fresh.put(p.name(), p));
        Set<String> gone = new HashSet<>(views.keySet());
        gone.removeAll(fresh.keySet());
        for (Meter meter : registry.getMeters()) {
            String pool = meter.getId().getTag("pool");
            if (meter instanceof Gauge && pool != null && gone.contains(pool)) {
                registry.remove(meter);
            }
        }
        Set<String> known = views.keySet();
        views = fresh;
        for (String name : fresh.keySet()) {
            if (!known.contains(name)) {
                pool("taskpool.pool.pending", "Tasks that have not started", name, PoolView::pending);
                pool("taskpool.pool.running", "Tasks on a worker", name, PoolView::running);
                pool(
                        "taskpool.pool.max.workers",
                        "Tasks that may run at once",
                        name,
                        p -> p.settings().maxWorkers());
                pool(
                        "taskpool.pool.queue.capacity",
                        "Pending tasks at most",
                        name,
                        p -> p.settings().queueCapacity());
            }
        }
        return registry.scrape().getBytes(StandardCharsets.UTF_8);
    }

    private void pool(String name, String description, String pool, ToDoubleFunction<PoolView> value) {
        Gauge.builder(name, () -> {
                    PoolView view = views.get(pool);
                    return view == null ? Double.NaN : value.applyAsDouble(view);
                })
                .description(description)
                .tags(List.of(Tag.of("pool", pool)))
                .strongReference(true)
                .register(registry);
    }

    private PoolMeters of(Task task) {
        return pools.computeIfAbsent(task.spec().pool(), name -> new PoolMeters(registry, name));
    }

    @Override
    public void accepted(Task task) {
        of(task).accepted.increment();
    }

    @Override
    public void started(Task task) {
        PoolMeters meters = of(task);
        meters.started.increment();
        if (task.attempt() == 1) {
            meters.queued.record(Duration.ofMillis(Math.max(0, task.startedAt() - task.createdAt())));
        }
    }

    @Override
    public void done(Task task) {
        PoolMeters meters = of(task);
        Counter counter = meters.done.get(task.state());
        if (counter != null) {
            counter.increment();
        }
        if (task.startedAt() > 0) {
            meters.ran.record(Duration.ofMillis(task.runMillis()));
        }
    }

    @Override
    public void retried(Task task) {
        of(task).retried.increment();
    }

    @Override
    public void poolDeleted(String name) {
        PoolMeters gone = pools.remove(name);
        if (gone != null) {
            gone.remove(registry);
        }
    }

    @Override
    public void committed(int changes, long nanos) {
        commits.record(Duration.ofNanos(nanos));
        commitChanges.record(changes);
    }

    @Override
    public void lateWord() {
        lateWords.increment();
    }

    @Override
    public void close() {
        collector.close();
        registry.close();
    }
}
