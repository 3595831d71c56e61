# What podnet is shipped as: docs/image.md says what is in it, and why. Nothing is run in a stage of the image's own platform, so that
# an image for another one takes no emulator.
# Builds with BuildKit (docker buildx) and buildah. For other bases of Debian, with dpkg's records: --build-arg.
ARG BUILD_IMAGE=node:24-trixie-slim
ARG RUNTIME_IMAGE=node:24-trixie-slim

# Node, and the Debian packages that it is linked with, are taken out of this one: neither its shell nor its npm comes along.
FROM ${RUNTIME_IMAGE} AS runtime

FROM --platform=${BUILDPLATFORM} ${BUILD_IMAGE} AS build
ENV NPM_CONFIG_UPDATE_NOTIFIER=false
# The packages of this machine, to build with
WORKDIR /build/podnet
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts && npm sbom --package-lock-only --sbom-format=cyclonedx >/build/npm.cdx.json
# Those of the image's platform, which machine code is taken of
WORKDIR /build/production
COPY package.json package-lock.json .npmrc ./
ARG TARGETARCH
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --ignore-scripts --os=linux --libc=glibc --cpu="$(echo "${TARGETARCH:?}" | sed 's/^amd64$/x64/')"
WORKDIR /build/podnet
COPY --from=runtime / /build/runtime/
COPY . .
# Seconds; the time of every file
ARG SOURCE_DATE_EPOCH=0
RUN node scripts/image-contents.mjs --runtime /build/runtime --production /build/production --sbom /build/npm.cdx.json --to /build/image

FROM scratch
# Changes with Node or Debian alone: a node that has an older podnet has it already
COPY --from=build /build/image/system/ /
COPY --from=build /build/image/podnet/ /
ARG VERSION=0.1.0 REVISION= SOURCE=
LABEL org.opencontainers.image.title="podnet" \
      org.opencontainers.image.description="Kubernetes network metrics per pod, interface, network and SR-IOV virtual function" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
ENV PATH=/usr/local/bin
USER 65534:65534
STOPSIGNAL SIGTERM
ENTRYPOINT ["podnet"]
