export type Fact = readonly [label: string, value: string | undefined]

/** Facts of a step. Those without a value are left out. */
export const FactList = ({ facts }: { facts: readonly Fact[] }) => (
  <dl className="facts-list">
    {facts.map(
      ([label, value]) =>
        value !== undefined && (
          <div key={label} className="fact">
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ),
    )}
  </dl>
)
