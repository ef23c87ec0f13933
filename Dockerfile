# syntax=docker/dockerfile:1
ARG BUILD_IMAGE=docker.io/library/maven:3-eclipse-temurin-25
ARG RUN_IMAGE=docker.io/library/eclipse-temurin:25-jre

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
# Dependencies first: they change seldom, and make a layer of their own.
COPY pom.xml ./
RUN mvn -B -ntp dependency:go-offline -DincludeScope=runtime || true
COPY . .
RUN mvn -B -ntp -DskipTests -Daot.skip=true package

FROM ${RUN_IMAGE}
# tini: an init as PID 1 reaps what subprocesses leave behind, and passes signals on.
RUN apt-get update && apt-get install -y --no-install-recommends tini curl && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin taskpool \
    && mkdir -p /app /data && chown taskpool /data
COPY --from=build /src/target/lib /app/lib
COPY --from=build /src/taskpool /src/LICENSE /app/
COPY --from=build /src/config /app/config
# The workers of other languages. Their interpreters are not in this image: build one on it that has them.
COPY --from=build /src/workers /app/workers
COPY --from=build /src/target/taskpool.jar /app/taskpool.jar
WORKDIR /app
# The cache fits exactly this JVM and these jars, so it is made here.
RUN TASKPOOL_SERVER_PORT=0 TASKPOOL_STORE_DIRECTORY=/tmp/aot TASKPOOL_LOG_LEVEL=error \
    java -XX:+UseParallelGC -XX:NewRatio=1 -XX:+UseCompactObjectHeaders -XX:AOTCacheOutput=/app/taskpool.aot "-Xlog:aot*=off,cds*=off" \
    --sun-misc-unsafe-memory-access=allow -jar /app/taskpool.jar serve --stop-when-ready; rm -rf /tmp/aot
USER taskpool
VOLUME /data
# All addresses of the container. It starts with TASKPOOL_AUTH_TOKENS, or with TASKPOOL_SERVER_ALLOW_UNAUTHENTICATED=true.
ENV TASKPOOL_SERVER_HOST=0.0.0.0 \
    TASKPOOL_STORE_DIRECTORY=/data \
    TASKPOOL_LOG_FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD curl -fsS "http://127.0.0.1:${TASKPOOL_SERVER_PORT:-8080}/healthz" || exit 1
ENTRYPOINT ["tini", "--", "/app/taskpool"]
CMD ["serve"]
