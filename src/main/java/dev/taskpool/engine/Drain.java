package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskState;
import dev.taskpool.pool.Run;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Coming to rest: nothing is accepted, nothing starts, what runs may finish. Can be taken back until it is final. Safe for
 * all threads; the work is done on the engine's.
 */
public final class Drain {
    private final Live live;
    private final Mailbox<Command> mailbox;
    private volatile boolean draining;

    /** Confined to the engine's thread. */
    private final List<CompletableFuture<Void>> idleWaits = new ArrayList<>();

    private boolean checking;

    Drain(Live live, Mailbox<Command> mailbox) {
        this.live = live;
        this.mailbox = mailbox;
    }

    /**
     * How far it is.
     *
     * @param running tasks on a worker
     * @param pending tasks that are kept for later
     */
    public record Status(boolean draining, long running, long pending) {}

    /** Returns whether new tasks are refused. */
    public boolean draining() {
        return draining;
    }

    /**
     * Begins. Running tasks are told; pending ones are kept, or cancelled: then it answers when all are, durably. Taking it
     * back does not spare them, and does not touch those that come later.
     */
    public CompletableFuture<Status> begin(boolean cancelPending) {
        draining = true;
        CompletableFuture<Status> answer = new CompletableFuture<>();
        mailbox.put(new Command() {
            @Override
            public void decide(Transaction tx) {
                boolean before = live.draining;
                turn(true);
                tx.undo(() -> turn(before));
                if (cancelPending && !live.pools.isEmpty()) {
                    cancelAll(tx);
                } else {
                    tx.after(() -> answer.complete(now()));
                }
            }

            private void cancelAll(Transaction tx) {
                AtomicInteger left = new AtomicInteger(live.pools.size());
                for (LivePool pool : live.pools.values()) {
                    Pools.cancelAll(live, tx, pool, () -> {
                        Pools.closeIfEmpty(live, pool);
                        if (left.decrementAndGet() == 0) {
                            answer.complete(now());
                        }
                    });
                }
            }

            @Override
            public void refused(RuntimeException reason) {
                // As it was before: who is refused has changed nothing.
                turn(live.draining);
                answer.completeExceptionally(reason);
            }
        });
        return answer;
    }

    private void turn(boolean on) {
        draining = on;
        live.draining = on;
        for (Cell cell : live.memory.cells.values()) {
            Run run = cell.run();
            if (run != null) {
                run.markDraining(on);
            }
        }
    }

    /** Takes it back: tasks are accepted and started again. */
    public CompletableFuture<Status> takeBack() {
        CompletableFuture<Status> answer = new CompletableFuture<>();
        mailbox.put(tx -> {
            turn(false);
            for (LivePool pool : live.pools.values()) {
                mailbox.put(next -> live.dispatch(next, pool));
            }
            answer.complete(now());
        });
        return answer;
    }

    public CompletableFuture<Status> status() {
        CompletableFuture<Status> answer = new CompletableFuture<>();
        mailbox.put(tx -> answer.complete(now()));
        return answer;
    }

    /** Completes when no task runs and no pending task is being cancelled. */
    public CompletableFuture<Void> idle() {
        CompletableFuture<Void> answer = new CompletableFuture<>();
        mailbox.put(tx -> {
            idleWaits.add(answer);
            check();
        });
        return answer;
    }

    private void check() {
        checking = false;
        boolean busy = live.runningTotal > 0 || live.pools.values().stream().anyMatch(p -> p.sweeps > 0);
        if (!busy) {
            idleWaits.forEach(w -> w.complete(null));
            idleWaits.clear();
        } else if (!idleWaits.isEmpty() && !checking) {
            checking = true;
            live.timers.at(live.ticker.nanos() + 10_000_000L, tx -> check());
        }
    }

    /**
     * Stops what still runs: interrupts threads, TERM and then KILL to processes. Again: hurries.
     *
     * @param mostGraceMillis time from asking to making, where the pool does not allow less
     */
    public void stopRunning(long mostGraceMillis) {
        mailbox.put(tx -> {
            for (Cell cell : List.copyOf(live.memory.cells.values())) {
                var run = cell.run();
                // Also where its start is not durable yet, because the store is away.
                if (run != null) {
                    LivePool pool = live.pool(cell.task());
                    if (cell.stop == null) {
                        cell.stop = StopReason.DRAIN;
                    }
                    pool.runner.stop(run, Math.min(mostGraceMillis, pool.settings.graceMillis()));
                }
            }
        });
    }

    /**
     * Gives tasks their verdict that still run although they were stopped: threads that ignore their interrupt. For the end
     * of the service: the process has to end right after, so that nothing of them runs on.
     *
     * @return how many there were, once the verdicts are durable
     */
    public CompletableFuture<Integer> abandonRunning() {
        CompletableFuture<Integer> answer = new CompletableFuture<>();
        mailbox.put(new Command() {
            @Override
            public void decide(Transaction tx) {
                int count = 0;
                for (Cell cell : live.memory.cells.values()) {
                    if (cell.run() != null && tx.latest(cell).state() == TaskState.RUNNING) {
                        abandon(tx, cell, cell.run());
                        count++;
                    }
                }
                int all = count;
                tx.after(() -> answer.complete(all));
            }

            @Override
            public boolean fact() {
                return true;
            }
        });
        return answer;
    }

    private void abandon(Transaction tx, Cell cell, Run run) {
        Task task = tx.latest(cell);
        LivePool pool = live.pool(task);
        long ranMillis = (live.ticker.nanos() - cell.startedNanos) / 1_000_000;
        Task next = live.verdict.abandoned(task, run.output().close(null), cell.stop, ranMillis, live.ids.micros());
        cell.run(null);
        tx.undo(() -> cell.run(run));
        live.heeded(tx, pool, cell, run);
        live.addRunning(tx, pool, -1);
        if (next.state() == TaskState.PENDING) {
            live.addPending(tx, pool, 1);
        }
        tx.change(cell, next);
    }

    /** Lets all workers of all pools go. Completes when the last has ended. For the end of the service. */
    public CompletableFuture<Void> closePools() {
        CompletableFuture<Void> answer = new CompletableFuture<>();
        mailbox.put(tx -> {
            CompletableFuture<?>[] all =
                    live.pools.values().stream().map(p -> p.runner.close()).toArray(CompletableFuture<?>[]::new);
            CompletableFuture.allOf(all).whenComplete((done, error) -> answer.complete(null));
        });
        return answer;
    }

    private Status now() {
        long pending = live.pools.values().stream().mapToLong(p -> p.pending).sum();
        return new Status(live.draining, live.runningTotal, pending);
    }
}
