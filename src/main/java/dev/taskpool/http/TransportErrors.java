package dev.taskpool.http;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;

/** What Jetty refuses by itself (a head that is too large, bytes that are no HTTP) is answered as a problem, too. */
final class TransportErrors extends ErrorHandler {
    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        int status = response.getStatus() >= 400 ? response.getStatus() : 500;
        Answer answer = Problems.transport(status, request.getId());
        response.setStatus(answer.status());
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, Answer.PROBLEM);
        response.write(true, ByteBuffer.wrap(answer.body()), callback);
        return true;
    }
}
