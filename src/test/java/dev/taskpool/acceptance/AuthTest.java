package dev.taskpool.acceptance;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuthTest {
    @TempDir
    Path data;

    private static String hash(String token) {
        try {
            return java.util.HexFormat.of()
                    .formatHex(java.security.MessageDigest.getInstance("SHA-256")
                            .digest(token.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void tokensOpenWhatTheyAreFor() {
        String tokens = "[{name: all, sha256: " + hash("all") + "}, {name: reader, sha256: " + hash("reader")
                + ", scopes: [read]}, {name: narrow, sha256: " + hash("narrow")
                + ", scopes: [submit, read], pools: [default], callables: [math.*]}]";
        try (Started service = new Started(data, "AUTH_TOKENS", tokens);
                Api all = new Api(service.port(), "all");
                Api reader = new Api(service.port(), "reader");
                Api narrow = new Api(service.port(), "narrow");
                Api wrong = new Api(service.port(), "wrong")) {
            Api.Answer none = service.api.get("/v1/tasks");
            assertThat(none.status()).isEqualTo(401);
            assertThat(none.header("WWW-Authenticate")).startsWith("Bearer");
            assertThat(wrong.get("/v1/tasks").code()).isEqualTo("unauthorized");
            assertThat(service.api.get("/healthz").status()).isEqualTo(200);
            String id = all.run("{\"callable\":\"noop\"}").id();
            assertThat(reader.get("/v1/tasks/" + id).status()).isEqualTo(200);
            assertThat(reader.submit("{\"callable\":\"noop\"}").code()).isEqualTo("forbidden");
            assertThat(reader.post("/v1/tasks/" + id + "/cancel", null).code()).isEqualTo("forbidden");
            assertThat(narrow.submit("{\"callable\":\"noop\",\"pool\":\"default\"}")
                            .code())
                    .isEqualTo("forbidden");
            assertThat(narrow.submit("{\"callable\":\"math.pow\",\"args\":[2,3],\"pool\":\"processes\"}")
                            .code())
                    .isEqualTo("forbidden");
            // What it may not see is not there.
            assertThat(narrow.get("/v1/tasks/" + id).code()).isEqualTo("task_not_found");
            assertThat(narrow.get("/v1/tasks").json().path("items")).isEmpty();
            assertThat(narrow.run("{\"callable\":\"math.pow\",\"args\":[2,3],\"pool\":\"default\"}")
                            .json()
                            .path("result")
                            .asInt())
                    .isEqualTo(8);
            assertThat(narrow.put("/v1/pools/mine", "{\"kind\":\"THREAD\",\"max_workers\":1}")
                            .code())
                    .isEqualTo("forbidden");
        }
    }
}
