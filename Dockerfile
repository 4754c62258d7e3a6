# syntax=docker/dockerfile:1
# docker build -t wirespan . && docker run --rm -p 127.0.0.1:8080:8080 -e OTEL_EXPORTER_OTLP_ENDPOINT=http://host:4318 wirespan

FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
# What changes rarely goes first: the modules stay in their layer until go.sum changes.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
# What "wirespan version" says: --build-arg VERSION=v1.2.3.
ARG VERSION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags="-s -w -X main.version=$VERSION" -o /wirespan ./cmd/wirespan

# Nothing but certificates, time zones and the binary. The tag moves, so the digest decides.
FROM gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab
LABEL org.opencontainers.image.title="wirespan" \
      org.opencontainers.image.description="An HTTP server that traces every connection and request with OpenTelemetry" \
      org.opencontainers.image.source="https://github.com/wirespan/wirespan" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /wirespan /wirespan
# A number, because runAsNonRoot cannot judge a name.
USER 65532:65532
# The command's default is 127.0.0.1, which inside a container nobody reaches.
ENV WIRESPAN_ADDR=0.0.0.0:8080
# Probes come from outside the container, too; /debug/pprof/ stays off where the admin port is not on loopback.
ENV WIRESPAN_ADMIN=0.0.0.0:4380
ENV WIRESPAN_LOG_FORMAT=json
EXPOSE 8080 4380
STOPSIGNAL SIGTERM
ENTRYPOINT ["/wirespan"]
CMD ["demo"]
