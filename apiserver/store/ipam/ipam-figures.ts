import type { IpamFigure } from '../../../metrics/ipam/figures.js';

/** A figure, and what it was made of. */
export interface IpamValue {
  readonly value: number;
  /** Of the oldest reading that is in it. */
  readonly ageMs: number;
  /** Time that it covers: of a rate; 0 of what is as it is at present. */
  readonly spanMs: number;
}

/** Nodes by whether what they tell of their IP addresses is of the present. */
export interface IpamNodes {
  readonly reporting: number;
  /** That ought to tell, and do not. */
  readonly missing: number;
}

/** What the nodes tell of their IP addresses, and what that adds up to. All times are of the server's monotonic clock. */
export interface IpamFigures {
  nodes(nowMs: number): IpamNodes;
  /**
   * Of all nodes that report together: a counter is what grew since this server started. Undefined where it is not known, or where one of
   * the nodes that report does not tell its share: `nodes` alone says how many are missing.
   */
  total(figure: IpamFigure, nowMs: number): IpamValue | undefined;
  /** Growth per second of a counter over a window, of all nodes together. */
  totalRate(figure: IpamFigure, windowMs: number, nowMs: number): IpamValue | undefined;
  /** Of one node: a counter as its growth per second over a window. */
  ofNode(node: string, figure: IpamFigure, windowMs: number, nowMs: number): IpamValue | undefined;
  /** Nodes that report, by name. */
  reportingNodes(nowMs: number): readonly string[];
}
