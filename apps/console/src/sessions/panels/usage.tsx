import type { Event, TokenUsage } from '@outlast/sdk'
import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import { Chart } from '../../shell/chart/chart.tsx'
import { Empty } from '../../shell/screen/screen.tsx'
import { costText, dollarsText } from '../../shell/text/money.ts'
import { durationOf } from '../parts/duration.ts'
import { type Turn, turnsOf } from './turns.ts'

const bars = 60

/** One bar of the charts: one or more consecutive turns. */
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
      <Charts list={list} />
      <Table turns={turns} />
    </div>
  )
}

const number = new Intl.NumberFormat('en')

const sum = (turns: readonly Turn[], pick: (usage: TokenUsage) => number | undefined) =>
  turns.reduce((all, { usage }) => all + ((usage && pick(usage)) ?? 0), 0)

function totalCostOf(turns: readonly Turn[]): number | undefined {
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
      cost: totalCostOf(some),
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
    ['Cost', costText(totalCostOf(turns))],
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

function Charts({ list }: { list: readonly Bar[] }) {
  const marks = list.map(({ from, to }) => `Turn ${from === to ? from : `${from}–${to}`}`)
  const total = (pick: (bar: Bar) => number) => list.reduce((all, bar) => all + pick(bar), 0)
  const tokens = (name: string, color: string, pick: (bar: Bar) => number) => ({
    name,
    color,
    shape: 'bar' as const,
    values: list.map(pick),
    now: number.format(total(pick)),
  })
  return (
    <>
      <Chart
        title="Tokens"
        note="by turn"
        marks={marks}
        format={number.format}
        series={[
          tokens('Input', 'var(--outlast-trace-model)', ({ input }) => input),
          tokens('Output', 'var(--outlast-trace-tool)', ({ output }) => output),
        ]}
      />
      {list.some(({ cost }) => cost) && (
        <Chart
          title="Cost"
          note="by turn, in US dollars"
          marks={marks}
          format={dollarsText}
          series={[
            {
              name: 'Cost',
              color: 'var(--outlast-hue-4)',
              shape: 'bar',
              values: list.map(({ cost }) => cost),
              now: dollarsText(total(({ cost = 0 }) => cost)),
            },
          ]}
        />
      )}
    </>
  )
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
            <td>
              <Link
                to="."
                search={(before: object) => ({ ...before, panel: 'timeline' as const, turn: id })}
              >
                {turn}
              </Link>
            </td>
            <td>{models.join(', ')}</td>
            <td>{number.format(usage!.input_tokens)}</td>
            <td>{number.format(usage!.output_tokens)}</td>
            <td>{costText(usage!.cost_usd)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
