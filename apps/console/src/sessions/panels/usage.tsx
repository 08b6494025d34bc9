import type { Event, TokenUsage } from '@outlast/sdk'
import { useMemo, useState } from 'react'
import { Empty } from '../../shell/screen.tsx'
import { durationOf } from '../conversation/duration.ts'
import { type Turn, turnsOf } from './turns.ts'

const bars = 60
const width = 600
const height = 180

/** One bar of the chart: one or more consecutive turns. */
type Bar = { from: number; to: number; input: number; output: number; cost: number | undefined }

/** Tokens and cost of the session by turn. */
export function UsagePanel({ events }: { events: readonly Event[] }) {
  const turns = useMemo(() => turnsOf(events).filter(({ usage }) => usage), [events])
  const list = useMemo(() => barsOf(turns), [turns])
  if (turns.length === 0) {
    return (
      <Empty title="No usage yet">
        Tokens and cost appear here after the first turn. Cost needs a model with known prices.
      </Empty>
    )
  }
  return (
    <div className="scroll">
      <Totals turns={turns} />
      <Chart list={list} />
      <Table turns={turns} />
    </div>
  )
}

const number = new Intl.NumberFormat('en')
const dollars = (cost: number | undefined) =>
  cost === undefined ? 'unknown' : `$${cost.toFixed(cost < 1 ? 4 : 2)}`

const sum = (turns: readonly Turn[], pick: (usage: TokenUsage) => number | undefined) =>
  turns.reduce((all, { usage }) => all + ((usage && pick(usage)) ?? 0), 0)

function costOf(turns: readonly Turn[]): number | undefined {
  const isKnown = turns.some(({ usage }) => usage?.cost_usd !== undefined)
  return isKnown ? sum(turns, ({ cost_usd }) => cost_usd) : undefined
}

function barsOf(turns: readonly Turn[]): Bar[] {
  const size = Math.max(1, Math.ceil(turns.length / bars))
  const list: Bar[] = []
  for (let at = 0; at < turns.length; at += size) {
    const some = turns.slice(at, at + size)
    list.push({
      from: some[0]!.number,
      to: some.at(-1)!.number,
      input: sum(some, ({ input_tokens }) => input_tokens),
      output: sum(some, ({ output_tokens }) => output_tokens),
      cost: costOf(some),
    })
  }
  return list
}

function Totals({ turns }: { turns: readonly Turn[] }) {
  const ms = turns.reduce((all, { startMs, endMs = startMs }) => all + endMs - startMs, 0)
  const rows = [
    ['Turns', number.format(turns.length)],
    ['Input tokens', number.format(sum(turns, ({ input_tokens }) => input_tokens))],
    ['Cached input', number.format(sum(turns, (usage) => usage.cache_read_tokens))],
    ['Output tokens', number.format(sum(turns, ({ output_tokens }) => output_tokens))],
    ['Cost', dollars(costOf(turns))],
    ['Duration', durationOf(ms)],
  ]
  return (
    <dl className="totals">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Chart({ list }: { list: readonly Bar[] }) {
  const [shown, setShown] = useState<Bar>()
  const most = Math.max(1, ...list.map(({ input, output }) => input + output))
  const step = width / Math.max(8, list.length)
  const costs = list.some(({ cost }) => cost)
  const scale = (tokens: number) => (tokens / most) * (height - 10)
  const label = `Tokens of ${list.length} ${list.length === 1 ? 'turn' : 'turns or groups of turns'}`
  return (
    <figure className="chart">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
        {[0.25, 0.5, 0.75, 1].map((part) => (
          <line
            key={part}
            className="grid"
            x1={0}
            x2={width}
            y1={height - scale(most * part)}
            y2={height - scale(most * part)}
          />
        ))}
        {list.map((bar, at) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the table below has the same data
          <g key={bar.from} onMouseEnter={() => setShown(bar)}>
            <rect className="hit" x={at * step} y={0} width={step} height={height} />
            <rect
              className="input"
              x={at * step + 1}
              y={height - scale(bar.input)}
              width={step - 2}
              height={scale(bar.input)}
            />
            <rect
              className="output"
              x={at * step + 1}
              y={height - scale(bar.input + bar.output)}
              width={step - 2}
              height={scale(bar.output)}
            />
          </g>
        ))}
        <CostLine list={list} step={step} />
      </svg>
      <figcaption>
        <span className="legend input">Input</span>
        <span className="legend output">Output</span>
        {costs && <span className="legend cost">Cumulative cost</span>}
        {shown && <span>{sentenceOf(shown)}</span>}
      </figcaption>
    </figure>
  )
}

const sentenceOf = ({ from, to, input, output, cost }: Bar) =>
  `Turn ${from === to ? from : `${from}–${to}`}: ${number.format(input)} input, ${number.format(output)} output, ${dollars(cost)}`

/** The cumulative cost up to each bar, if known. */
function CostLine({ list, step }: { list: readonly Bar[]; step: number }) {
  const whole = list.reduce((all, { cost = 0 }) => all + cost, 0)
  if (whole === 0) return null
  let cost = 0
  const points = list.map((bar, at) => {
    cost += bar.cost ?? 0
    return `${at * step + step / 2},${height - (cost / whole) * (height - 10)}`
  })
  return <polyline className="cost" points={points.join(' ')} />
}

const rowsMax = 200

function Table({ turns }: { turns: readonly Turn[] }) {
  const latest = turns.slice(-rowsMax).reverse()
  return (
    <table className="usage">
      <caption>
        {turns.length > rowsMax ? `Latest ${rowsMax} turns` : 'All turns, newest first'}
      </caption>
      <thead>
        <tr>
          <th scope="col">Turn</th>
          <th scope="col">Model</th>
          <th scope="col">Input</th>
          <th scope="col">Output</th>
          <th scope="col">Cost</th>
        </tr>
      </thead>
      <tbody>
        {latest.map(({ id, number: turn, usage, models }) => (
          <tr key={id}>
            <td>{turn}</td>
            <td>{models.join(', ')}</td>
            <td>{number.format(usage!.input_tokens)}</td>
            <td>{number.format(usage!.output_tokens)}</td>
            <td>{dollars(usage!.cost_usd)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
