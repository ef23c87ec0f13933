package dev.taskpool.engine;

import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** Has a command decided on a task, which is brought to memory first where it is not, and leaves it again. */
final class OnTask<T> extends Request<T> {
    private final Live live;
    private final TaskId id;
    private final boolean fact;
    private final BiFunction<Cell, BiConsumer<@Nullable T, @Nullable Throwable>, Command> command;

    // Written before this is put into the mailbox again.

    /** Whether the database was asked. */
    private boolean wasRead;

    /** What it has. */
    private @Nullable Task stored;

    // Confined to the engine's thread.
    private long reading;
    private @Nullable Cell cell;

    /** @param command made of the task's cell and of who is to be told */
    OnTask(
            Live live,
            TaskId id,
            boolean fact,
            BiFunction<Cell, BiConsumer<@Nullable T, @Nullable Throwable>, Command> command) {
        this.live = live;
        this.id = id;
        this.fact = fact;
        this.command = command;
    }

    @Override
    public boolean fact() {
        return fact;
    }

    @Override
    public void decide(Transaction tx) {
        Cell found = live.memory.cells.get(id.sequence());
        if (found == null && !wasRead) {
            tx.after(this::read);
            return;
        }
        Task read = stored;
        if (found == null && read != null && read.id().equals(id) && !live.expired(read)) {
            found = live.memory.resident(read);
        }
        cell = found;
        if (found == null || !found.task().id().equals(id) || tx.deletes(id)) {
            throw Engine.notFound(id);
        }
        command.apply(found, this::answer).decide(tx);
        tx.after(this::letGo);
    }

    @Override
    public void refused(RuntimeException reason) {
        letGo();
        super.refused(reason);
    }

    private void answer(@Nullable T done, @Nullable Throwable error) {
        if (error != null) {
            answer.completeExceptionally(error);
        } else {
            answer.complete(done);
        }
    }

    private void read() {
        reading = live.memory.reads.begin();
        live.store.find(id.sequence()).whenComplete((found, error) -> {
            if (found == null || error != null) {
                live.mailbox.put(tx -> {
                    letGo();
                    answer(null, error == null ? Engine.notFound(id) : error);
                });
            } else {
                wasRead = true;
                stored = found.orElse(null);
                live.mailbox.put(this);
            }
        });
    }

    /** Also where it was refused: a task that had left memory does not stay there for having been asked for. */
    private void letGo() {
        if (reading > 0) {
            live.memory.reads.end(reading);
            reading = 0;
        }
        if (cell != null) {
            live.memory.evict(cell);
        }
    }
}
