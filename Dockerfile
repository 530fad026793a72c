# Herald in an image of one static binary that runs as nobody in particular. Building needs Go's module proxy and nothing else:
#   docker build --build-arg VERSION=$(git describe --tags --always) -t herald .
#   docker run -p 9011:9011 -v herald:/data herald
FROM golang:1.26 AS build
ARG VERSION=dev
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /root-fs/herald ./cmd/herald
RUN mkdir -p /root-fs/etc/ssl/certs /root-fs/tmp /root-fs/data && cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ && cp LICENSE NOTICE /root-fs/ && chmod 1777 /root-fs/tmp && chown 65532:65532 /root-fs/data

FROM scratch
COPY --from=build /root-fs/ /
USER 65532:65532
ENV HERALD_DATA=/data
VOLUME /data
EXPOSE 9011
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/herald", "health"]
ENTRYPOINT ["/herald"]
CMD ["serve"]
