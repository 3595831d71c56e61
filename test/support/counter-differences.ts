/** Counters by pod's uid and interface; null where there is the interface and no reading. */
export type Readings = ReadonlyMap<string, ReadonlyMap<string, readonly (number | null)[] | null>>;

/** Lines for what one side has and the other has not, or has otherwise. No reading is as good as no interface. */
export function differences(kernel: Readings, agent: Readings): string[] {
  const [left, right] = [flatten(kernel), flatten(agent)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => left.get(key) !== right.get(key))
    .map((key) => `${key}: kernel ${left.get(key) ?? 'nothing'}, agent ${right.get(key) ?? 'nothing'}`);
}

function flatten(readings: Readings): Map<string, string> {
  return new Map(
    [...readings].flatMap(([uid, interfaces]) =>
      [...interfaces].flatMap(([name, reading]) =>
        reading === null ? [] : [[`${uid}/${name}`, reading.join()] as const],
      ),
    ),
  );
}
