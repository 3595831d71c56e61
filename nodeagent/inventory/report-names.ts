import * as pattern from '../../openapi/patterns.js';

type Fits = (text: string) => boolean;

/** The server rejects what does not fit, and with it the interface or the pod that bears it: it must not get into a report. */
function fitting(source: string, maxLength: number): Fits {
  const expression = new RegExp(source, 'u');
  return (text) => text.length <= maxLength && expression.test(text);
}

export const isObjectName = fitting(pattern.OBJECT_NAME, pattern.OBJECT_NAME_MAX);
export const isNamespace = fitting(pattern.NAMESPACE, pattern.NAMESPACE_MAX);
/** Also an empty one: a network that is not known. */
export const isNetworkName = fitting(pattern.NETWORK_NAME, pattern.NETWORK_NAME_MAX);
export const isInterfaceName = fitting(pattern.INTERFACE_NAME, pattern.INTERFACE_NAME_MAX);
export const isToken = fitting(pattern.TOKEN, pattern.TOKEN_MAX);
export const isOwnerKey = fitting(pattern.TOKEN, pattern.OWNER_KEY_MAX);
export const isPciAddress = fitting(pattern.PCI_ADDRESS, pattern.TOKEN_MAX);
/** Of a device plugin, such as openshift.io/inteldpdk. */
export const isResourceName = fitting(pattern.LABEL_KEY, pattern.LABEL_KEY_MAX);
/** Of Kubernetes; also an empty one. */
export const isLabelValue = fitting(pattern.LABEL_VALUE, pattern.LABEL_VALUE_MAX);
