# A static binary in an image of its own. Both bases are arguments, for sites with
# their own mirror, or with no registry at all (docs/container.md):
#   BUILD_IMAGE    has the Go version that go.mod names
#   RUNTIME_IMAGE  may be scratch: the binary brings time zones and CA roots
ARG BUILD_IMAGE=docker.io/library/golang:1.26
ARG RUNTIME_IMAGE=scratch

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
ARG GOPROXY=https://proxy.golang.org,direct
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
        -ldflags "-s -w -X main.version=${VERSION}" -o /out/autoscaled ./cmd/autoscaled \
    && mkdir -p /out/state

FROM ${RUNTIME_IMAGE}
COPY --from=build /out/autoscaled /usr/local/bin/autoscaled
# An empty folder of the daemon's user, so that a new volume there is writable.
COPY --from=build --chown=65532:65532 /out/state /var/lib/autoscaled
USER 65532:65532
VOLUME /var/lib/autoscaled
EXPOSE 9797
ENTRYPOINT ["/usr/local/bin/autoscaled"]
CMD ["run", "--config", "/etc/autoscaled/config.yaml"]
