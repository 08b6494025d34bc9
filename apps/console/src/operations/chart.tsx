import { height, pathOf, width, yOf } from './chart-path.ts'

export type ChartLine = {
  name: string
  color: string
  values: readonly (number | undefined)[]
  /** Text beside the name. Default: the latest value. */
  now?: string
}

/** A line chart over time, oldest value on the left. */
export function Chart({
  title,
  lines,
  format,
  span,
}: {
  title: string
  lines: readonly ChartLine[]
  format: (value: number) => string
  /** Description of the time range. */
  span: string
}) {
  const most = Math.max(
    ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)),
    Number.MIN_VALUE,
  )
  const latest = lines.map(
    ({ name, values, now }) =>
      `${name} ${now ?? (last(values) === undefined ? '–' : format(last(values)!))}`,
  )
  return (
    <figure className="ops-chart">
      <figcaption>
        {title}
        <span>
          {most === Number.MIN_VALUE ? '' : `Max ${format(most)} · `}
          {span}
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${latest.join(', ')}`}
      >
        {[0.5, 1].map((part) => (
          <line key={part} x1={0} x2={width} y1={yOf(part)} y2={yOf(part)} />
        ))}
        <line x1={0} x2={width} y1={height - 1} y2={height - 1} />
        {lines.map(({ name, color, values }) => (
          <path key={name} d={pathOf(values, most)} stroke={color} />
        ))}
      </svg>
      <div className="ops-legend">
        {lines.map(({ name, color }, at) => (
          <span key={name}>
            <i style={{ background: color }} />
            {latest[at]}
          </span>
        ))}
      </div>
    </figure>
  )
}

const last = (values: readonly (number | undefined)[]) =>
  values.findLast((value) => value !== undefined)
