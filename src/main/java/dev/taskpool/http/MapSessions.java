package dev.taskpool.http;

import dev.taskpool.model.BatchId;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Which request streams into which batch: the latest, for the one before may be dead and not know it. */
final class MapSessions {
    private final Map<BatchId, MapStream> open = new ConcurrentHashMap<>();

    /** Takes a batch over. */
    void begin(BatchId batch, MapStream stream) {
        MapStream before = open.put(batch, stream);
        if (before != null) {
            before.giveWay();
        }
    }

    void end(BatchId batch, MapStream stream) {
        open.remove(batch, stream);
    }
}
