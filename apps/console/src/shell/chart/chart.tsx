import './chart.css'
import { type PointerEvent, useState } from 'react'
import { height, labelledOf, middleOf, pathOf, slotsOf, stepsOf, width, yOf } from './scale.ts'

export type ChartSeries = {
  name: string
  /** A design token. */
  color: string
  /** One value per mark. Unknown values leave a gap. */
  values: readonly (number | undefined)[]
  /** Bars of one chart are stacked. Default: a line. */
  shape?: 'bar' | 'line'
  isDashed?: boolean
  /** Value in the legend. Default: the latest value. */
  now?: string
}

type ChartProps = {
  title: string
  /** Shown after the title: the time range, the unit. */
  note?: string
  /** The positions from left to right: days, times, turns. */
  marks: readonly string[]
  series: readonly ChartSeries[]
  format: (value: number) => string
}

/** Bars and lines over a common axis. The legend shows the values under the pointer. */
export function Chart({ title, note, marks, series, format }: ChartProps) {
  const [pointed, setPointed] = useState<number>()
  const slots = slotsOf(marks.length)
  const steps = stepsOf(mostOf(series, marks.length), isWhole(series))
  const scale = { most: steps.at(-1)!, slots }
  const text = (value: number | undefined) => (value === undefined ? '–' : format(value))
  const latest = ({ values, now }: ChartSeries) =>
    now ?? text(values.findLast((value) => value !== undefined))
  const at = pointed !== undefined && pointed < marks.length ? pointed : undefined
  const point = ({ clientX, currentTarget }: PointerEvent) => {
    const { left, width: size } = currentTarget.getBoundingClientRect()
    const slot = Math.floor(((clientX - left) / size) * slots)
    setPointed(slot >= 0 && slot < marks.length ? slot : undefined)
  }
  return (
    <figure className="chart">
      <figcaption>
        {title} <span>{at === undefined ? note : marks[at]}</span>
      </figcaption>
      <div className="chart-plot">
        <div className="chart-y" aria-hidden="true">
          {steps.map((step) => (
            <span key={step}>{format(step)}</span>
          ))}
        </div>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}: ${series.map((one) => `${one.name} ${latest(one)}`).join(', ')}`}
          onPointerDown={point}
          onPointerMove={point}
          onPointerLeave={() => setPointed(undefined)}
        >
          {steps.map((step) => {
            const y = yOf(step / scale.most)
            return <line key={step} x1={0} x2={width} y1={y} y2={y} />
          })}
          {at !== undefined && (
            <rect
              className="chart-pointed"
              x={(at / slots) * width}
              width={width / slots}
              height={height}
            />
          )}
          <Bars series={series} scale={scale} />
          <Lines series={series} scale={scale} />
        </svg>
        <MarkLabels marks={marks} slots={slots} />
      </div>
      <Legend
        series={series}
        amountOf={(one) => (at === undefined ? latest(one) : text(one.values[at]))}
      />
    </figure>
  )
}

function MarkLabels({ marks, slots }: { marks: readonly string[]; slots: number }) {
  return (
    <div className="chart-x" aria-hidden="true">
      {labelledOf(marks.length).map((mark) => {
        const middle = middleOf(mark, slots)
        // The last one ends with the chart instead of beyond it.
        const isLast = middle > 0.9
        return (
          <span key={mark} data-last={isLast} style={isLast ? {} : { left: `${middle * 100}%` }}>
            {marks[mark]}
          </span>
        )
      })}
    </div>
  )
}

type LegendProps = {
  series: readonly ChartSeries[]
  amountOf: (series: ChartSeries) => string
}

const Legend = ({ series, amountOf }: LegendProps) => (
  <ul className="chart-legend">
    {series.map((one, at) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: two agents may have one name
      <li key={at}>
        <i
          data-shape={one.shape ?? 'line'}
          data-dashed={one.isDashed}
          style={{ color: one.color }}
        />
        {one.name} <b>{amountOf(one)}</b>
      </li>
    ))}
  </ul>
)

const isBar = ({ shape }: ChartSeries) => shape === 'bar'
const isLine = (series: ChartSeries) => !isBar(series)

const stackAt = (bars: readonly ChartSeries[], at: number) =>
  bars.reduce((sum, { values }) => sum + (values[at] ?? 0), 0)

/** The highest point of all lines and stacks. */
function mostOf(series: readonly ChartSeries[], count: number): number {
  const bars = series.filter(isBar)
  let most = 0
  for (let at = 0; at < count; at++) most = Math.max(most, stackAt(bars, at))
  for (const { values } of series) for (const value of values) most = Math.max(most, value ?? 0)
  return most
}

const isWhole = (series: readonly ChartSeries[]) =>
  series.every(({ values }) => values.every((value) => Number.isInteger(value ?? 0)))

/** Share of a slot that its bar fills. */
const fill = 0.76

type MarksProps = { series: readonly ChartSeries[]; scale: { most: number; slots: number } }

function Bars({ series, scale: { most, slots } }: MarksProps) {
  const bars = series.filter(isBar)
  const size = width / slots
  return bars.map(({ color, values }, index) =>
    values.map((value, at) => {
      if (!value) return null
      const below = stackAt(bars.slice(0, index), at)
      return (
        <rect
          // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its position
          key={`${index} ${at}`}
          x={(at + (1 - fill) / 2) * size}
          y={yOf((below + value) / most)}
          width={size * fill}
          height={(value / most) * height}
          fill={color}
        />
      )
    }),
  )
}

const Lines = ({ series, scale }: MarksProps) =>
  series.filter(isLine).map(({ color, values, isDashed }, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a line is its position
    <path key={at} d={pathOf(values, scale)} stroke={color} data-dashed={isDashed} />
  ))
