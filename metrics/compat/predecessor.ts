import type { MetricFamily } from '../catalogue.js';
import type { IpamFigure } from '../ipam/figures.js';
import type { ExtraFamily } from '../ipam/lines.js';
import type { InterfaceDescription, NodeView, PodDescription } from '../node-families.js';

/** A family under the name that a predecessor of podnet gave it. */
export interface CompatFamily extends MetricFamily {
  /** Column of the counter in a reading. Without one every series is 0: what is joined with it by `+` keeps its value. */
  readonly column?: number;
}

/** An interface of a pod that has a network of its own. */
export interface CompatInterface {
  readonly node: string;
  readonly pod: PodDescription;
  readonly meta: InterfaceDescription;
}

export type LabelPairs = readonly (readonly [name: string, value: string])[];

/** Families whose series are of the interfaces of pods, and have the same labels. */
export interface CompatInterfaceSet {
  readonly families: readonly CompatFamily[];
  /**
   * The labels of an interface's series; undefined where it has none. A label that is not known is empty and not left out: with
   * honor_labels an empty one keeps the scraped target's own label of that name away.
   */
  readonly labelsOf: (item: CompatInterface) => LabelPairs | undefined;
}

/** Families that are rendered from the whole of a node. */
export interface CompatViewSet {
  readonly families: readonly MetricFamily[];
  /** One text for each of `families`, in their order. */
  readonly linesOf: (view: NodeView) => readonly string[];
}

/** A total of the cluster under the name that a predecessor gave it; the apiserver alone knows it. */
export interface CompatTotal {
  readonly family: MetricFamily;
  readonly figure: IpamFigure;
}

/** Families of which a node tells the names as well: its agent serves them. The apiserver has totals in their place, under the same names. */
export interface CompatReadSet {
  /** None is known beforehand. */
  readonly families: readonly [];
  readonly readOf: (view: NodeView) => readonly ExtraFamily[];
  readonly totals: readonly CompatTotal[];
}

export type CompatSet = CompatInterfaceSet | CompatViewSet | CompatReadSet;
