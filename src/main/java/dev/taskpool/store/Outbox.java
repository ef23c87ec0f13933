package dev.taskpool.store;

import dev.taskpool.model.Batch;
import dev.taskpool.model.BatchId;
import dev.taskpool.model.Callback;
import dev.taskpool.model.CallbackDue;
import dev.taskpool.model.CallbackSubject;
import dev.taskpool.model.Callbacks;
import dev.taskpool.model.Task;
import dev.taskpool.model.TaskId;
import java.nio.ByteBuffer;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/**
 * Callbacks in H2: a row each, in an index by destination and time where a try is to come. That index is the outbox; it is
 * read by destination, so that what is due for a dead one stands before nobody else.
 */
final class Outbox {
    static final String MERGE = """
            MERGE INTO callback (seq, number, nonce, batch, destination, due, body) KEY (seq, number)
            VALUES (?, ?, ?, ?, ?, ?, ?)""";

    static final String DELETE = "DELETE FROM callback WHERE seq = ?";

    private Outbox() {}

    /** Adds the callbacks of a task to a batch of {@link #MERGE}. */
    static void merge(Task task, PreparedStatement merge, Bytes buffer) throws SQLException {
        merge(task.id().sequence(), task.id().nonce(), false, task.callbacks(), task.revision(), merge, buffer);
    }

    /** Adds the callbacks of a batch. */
    static void merge(Batch batch, PreparedStatement merge, Bytes buffer) throws SQLException {
        merge(batch.id().sequence(), batch.id().nonce(), true, batch.callbacks(), 0, merge, buffer);
    }

    private static void merge(
            long sequence,
            long nonce,
            boolean batch,
            Callbacks callbacks,
            long revision,
            PreparedStatement merge,
            Bytes buffer)
            throws SQLException {
        for (Callback each : callbacks.all()) {
            merge.setLong(1, sequence);
            merge.setInt(2, each.number());
            merge.setLong(3, nonce);
            merge.setBoolean(4, batch);
            if (each.due()) {
                merge.setString(5, each.destination());
                merge.setLong(6, each.nextAt());
            } else {
                merge.setNull(5, Types.VARCHAR);
                merge.setNull(6, Types.BIGINT);
            }
            buffer.clear();
            buffer.putLong(revision);
            CallbackCodec.one(each, buffer);
            merge.setBytes(7, buffer.copy());
            merge.addBatch();
        }
    }

    /** Returns the callbacks of a task or a batch. */
    static CallbackCodec.Stored of(Handle handle, long sequence) {
        List<Callback> all = new ArrayList<>();
        long[] revision = {0};
        handle.createQuery("SELECT body FROM callback WHERE seq = :seq ORDER BY seq, number")
                .bind("seq", sequence)
                .map((rs, ctx) -> new Bytes.Reader(ByteBuffer.wrap(rs.getBytes(1))))
                .forEach(in -> {
                    revision[0] = Math.max(revision[0], in.readLong());
                    all.add(CallbackCodec.one(in));
                });
        return new CallbackCodec.Stored(new Callbacks(List.copyOf(all)), revision[0]);
    }

    /** Returns some of the destinations for which there is something, in order, behind one of them. */
    static List<String> destinations(Handle handle, String after, int limit) {
        List<String> all = new ArrayList<>();
        String last = after;
        while (all.size() < limit) {
            // One step in the index each; H2 would walk over all rows to tell those that differ.
            Optional<String> next = handle.createQuery(
                            "SELECT destination FROM callback WHERE destination > :last ORDER BY destination LIMIT 1")
                    .bind("last", last)
                    .mapTo(String.class)
                    .findOne();
            if (next.isEmpty()) {
                break;
            }
            last = next.get();
            all.add(last);
        }
        return all;
    }

    /** Returns what there is for a destination, the earliest first. */
    static List<CallbackDue> due(Handle handle, String destination, int limit) {
        return handle.createQuery("""
                        SELECT seq, nonce, batch, number, due FROM callback WHERE destination = :destination
                         ORDER BY destination, due, seq, number LIMIT :limit""")
                .bind("destination", destination)
                .bind("limit", limit)
                .map((rs, ctx) -> new CallbackDue(subject(rs), rs.getInt(4), rs.getLong(5)))
                .list();
    }

    private static CallbackSubject subject(ResultSet rs) throws SQLException {
        long sequence = rs.getLong(1);
        long nonce = rs.getLong(2);
        return rs.getBoolean(3) ? new BatchId(sequence, nonce) : new TaskId(sequence, nonce);
    }
}
