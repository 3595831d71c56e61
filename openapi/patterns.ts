/**
 * What a name may look like in a report. Whatever ends up as a label value, a path segment or a selector value is held
 * to the grammar of the system it comes from, so that nothing unprintable can reach a scrape or an HPA.
 */

/** RFC 1123 subdomain: names of pods, nodes and workloads. Upper case and `_` are tolerated for host names outside Kubernetes. */
export const OBJECT_NAME = '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$';
export const OBJECT_NAME_MAX = 253;

/** RFC 1123 label: a namespace. */
export const NAMESPACE = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
export const NAMESPACE_MAX = 63;

/** Kubernetes label key, with its optional DNS prefix (apimachinery, validation.IsQualifiedName). */
export const LABEL_KEY = '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$';
export const LABEL_KEY_MAX = 253 + 1 + 63;

/** Kubernetes label value; the empty one is legal (apimachinery, validation.IsValidLabelValue). */
export const LABEL_VALUE = '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$';
export const LABEL_VALUE_MAX = 63;

/** CNI network name (CNI specification 1.0, "name"); empty where no network is known for an interface. */
export const NETWORK_NAME = '^([A-Za-z0-9][A-Za-z0-9_.-]*)?$';
export const NETWORK_NAME_MAX = 253;

/**
 * What Linux accepts (net/core/dev.c, dev_valid_name): no white space, no `/`; quotes and `:` are legal and are escaped where
 * they are printed. Bytes that are not UTF-8 arrive as `\xNN`, hence 4 × 15 characters; U+FFFD means somebody lost them.
 */
export const INTERFACE_NAME = '^[^\\s/\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff\\ufffd]+$';
export const INTERFACE_NAME_MAX = 60;

/** Opaque identifiers: uid, boot id, instance, interface identity. */
export const TOKEN = '^[A-Za-z0-9._:/@-]+$';
export const TOKEN_MAX = 128;

/** What the owner of a device is told apart by: a uid, or `<namespace>/<name>`. */
export const OWNER_KEY_MAX = NAMESPACE_MAX + 1 + OBJECT_NAME_MAX;

/** PCI address, domain:bus:device.function (Linux Documentation/PCI). */
export const PCI_ADDRESS = '^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]$';

/** A name of VF_COUNTERS, or `rdma/<device>/<port>/<hw or port>/<file in sysfs>`: in the kernel's own units. */
export const VF_COUNTER_KEY = '^([a-zA-Z]+|rdma/[A-Za-z0-9_.:-]+/[0-9]{1,3}/(hw|port)/[A-Za-z0-9_.-]+)$';
export const VF_COUNTER_KEY_MAX = 160;

/** A fully qualified domain name, with its dot at the end (RFC 1035, 2.3.1; `_` as in service names). */
export const DNS_NAME = '^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.)+$';
export const DNS_NAME_MAX = 254;

/** A server as it is configured: a name or an address, with its port unless that is the usual one (`10.96.0.10`, `[fd00::a]:5353`). */
export const SERVER = '^[A-Za-z0-9._:%[\\]-]+$';
export const SERVER_MAX = 261;

/** A metric name without the colons of recording rules, and a label name (Prometheus data model). */
export const METRIC_NAME = '^[a-zA-Z_][a-zA-Z0-9_]*$';
export const METRIC_NAME_MAX = 128;
