/** Rules of an organization that send a webhook when a measured value reaches a threshold. */
import { type Static, Type } from 'typebox'
import { AgentId, AlertFiringId, AlertId, Timestamp } from '../core/id.ts'
import {
  described,
  nullable,
  oneOf,
  optional,
  pageOf,
  pageParameters,
  ShownName,
} from '../core/shape.ts'

const AlertMetric = oneOf(
  'failed_turns',
  'failed_turn_share',
  'cost_usd',
  'waiting_seconds',
  'queue_seconds',
)

const metric =
  '`failed_turns`: turns that failed in the window. `failed_turn_share`: their share of the turns that ended in the window, from 0 to 1. `cost_usd`: cost in US dollars of the model calls in the window. `waiting_seconds`: longest time that a turn has waited for a person. `queue_seconds`: longest time that a turn has waited for a node.'
const threshold = 'The alert fires when the value is at least this. The unit is that of the metric.'
const resolveBelow =
  'The alert resolves when the value is below this, which is at most `threshold`. A lower value than `threshold` keeps a value that varies around it from firing again and again.'
const windowSeconds =
  'Length of the window in seconds, from 60 to 2,592,000, which is 30 days. Only for `failed_turns`, `failed_turn_share` and `cost_usd`.'
const minTurns =
  'Number of turns that must have ended in the window; with fewer the value is 0. Only for `failed_turn_share`.'
const repeatSeconds =
  'Interval in seconds at which `alert.fired` is sent again while the alert fires, from 60 to 2,592,000.'

const dayMax = 2_592_000
const Threshold = Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000_000, examples: [10] })
const WindowSeconds = Type.Integer({ minimum: 60, maximum: dayMax, examples: [3_600] })
const MinTurns = Type.Integer({ minimum: 1, maximum: 10_000 })
const RepeatSeconds = Type.Integer({ minimum: 60, maximum: dayMax })

const example = {
  name: 'Cost of a day',
  metric: 'cost_usd',
  agent_id: 'agent_01933b5a000070008000000000000101',
  threshold: 50,
  resolve_below: 40,
  window_seconds: 86_400,
}

export const Alert = Type.Object(
  {
    id: described(AlertId, 'Id of the alert.'),
    name: Type.String({ description: 'Name for people.' }),
    metric: described(AlertMetric, metric),
    agent_id: nullable(AgentId, 'Agent whose sessions count. Null: all sessions.'),
    threshold: Type.Number({ description: threshold }),
    resolve_below: nullable(Type.Number(), `${resolveBelow} Null: \`threshold\`.`),
    window_seconds: nullable(Type.Integer(), `${windowSeconds} Null for other metrics.`),
    min_turns: nullable(Type.Integer(), `${minTurns} Null for other metrics.`),
    repeat_seconds: nullable(Type.Integer(), `${repeatSeconds} Null: it is sent once.`),
    enabled: Type.Boolean({ description: 'False while the alert is not evaluated.' }),
    state: described(
      oneOf('ok', 'firing'),
      '`firing` from the evaluation that reached the threshold to the one that resolves it.',
    ),
    fired_at: nullable(Timestamp, 'Time at which it began to fire. Null in the state `ok`.'),
    value: nullable(Type.Number(), 'Value at the latest evaluation. Null before the first one.'),
    evaluated_at: nullable(Timestamp, 'Time of the latest evaluation. Null before the first one.'),
    created_at: described(Timestamp, 'Time at which the alert was created.'),
    updated_at: described(Timestamp, 'Time of the latest change of a property.'),
  },
  {
    title: 'Alert',
    description:
      'A rule that the server evaluates every 15 seconds. Webhooks receive `alert.fired` and `alert.resolved`.',
    examples: [
      {
        id: 'alert_01933b5a000070008000000000000001',
        ...example,
        min_turns: null,
        repeat_seconds: null,
        enabled: true,
        state: 'firing',
        fired_at: '2026-11-27T09:30:00.000Z',
        value: 51.2,
        evaluated_at: '2026-11-27T09:45:00.000Z',
        created_at: '2026-11-20T08:00:00.000Z',
        updated_at: '2026-11-20T08:00:00.000Z',
      },
    ],
  },
)
export type Alert = Static<typeof Alert>
export const AlertPage = pageOf(Alert, 'AlertsListResponse')

export const NewAlert = Type.Object(
  {
    name: described(ShownName, 'Name for people: 1 to 255 characters.'),
    metric: described(AlertMetric, metric),
    agent_id: optional(AgentId, 'Agent whose sessions count. Default: all sessions.'),
    threshold: described(
      Threshold,
      `${threshold} A whole number up to 10,000 for \`failed_turns\`, at most 1 for \`failed_turn_share\`.`,
    ),
    resolve_below: optional(Threshold, `${resolveBelow} Default: \`threshold\`.`),
    window_seconds: optional(WindowSeconds, `${windowSeconds} Default: 3,600.`),
    min_turns: optional(MinTurns, `${minTurns} Default: 10.`),
    repeat_seconds: optional(RepeatSeconds, `${repeatSeconds} Default: it is sent once.`),
    enabled: optional(
      Type.Boolean(),
      'False creates an alert that is not evaluated. Default: true.',
    ),
  },
  {
    title: 'CreateAlertRequest',
    description: 'Metric and threshold of a new alert.',
    examples: [example],
  },
)
export type NewAlert = Static<typeof NewAlert>

export const AlertChange = Type.Object(
  {
    name: Type.Optional(described(ShownName, 'New name: 1 to 255 characters. Absent: unchanged.')),
    threshold: Type.Optional(described(Threshold, `${threshold} Absent: unchanged.`)),
    resolve_below: optional(Threshold, `${resolveBelow} Null: \`threshold\`. Absent: unchanged.`),
    window_seconds: Type.Optional(described(WindowSeconds, `${windowSeconds} Absent: unchanged.`)),
    min_turns: Type.Optional(described(MinTurns, `${minTurns} Absent: unchanged.`)),
    repeat_seconds: optional(
      RepeatSeconds,
      `${repeatSeconds} Null: it is sent once. Absent: unchanged.`,
    ),
    enabled: Type.Optional(
      Type.Boolean({
        description: 'False stops the evaluation and resolves a firing alert. Absent: unchanged.',
      }),
    ),
  },
  {
    title: 'UpdateAlertRequest',
    description: 'Properties of an alert to change. Metric and agent never change.',
    examples: [{ threshold: 100 }],
  },
)
export type AlertChange = Static<typeof AlertChange>

export const AlertQuery = Type.Object({
  ...pageParameters,
  state: Type.Optional(described(oneOf('ok', 'firing'), 'Only alerts in this state.')),
})
export type AlertQuery = Static<typeof AlertQuery>

export const AlertFiring = Type.Object(
  {
    id: described(AlertFiringId, 'Id of the firing.'),
    alert_id: described(AlertId, 'Alert that fired.'),
    fired_at: described(Timestamp, 'Time of the evaluation that reached the threshold.'),
    threshold: Type.Number({ description: 'Threshold of the alert at that time.' }),
    value: Type.Number({ description: 'Value at that time.' }),
    notified_at: described(Timestamp, 'Time of the latest `alert.fired`.'),
    notifications: Type.Integer({ description: 'Number of `alert.fired` so far.' }),
    resolved_at: nullable(Timestamp, 'Time at which it was resolved. Null while it fires.'),
    resolution: nullable(
      oneOf('recovered', 'disabled'),
      '`recovered`: the value fell below `resolve_below`. `disabled`: the alert was disabled. Null while it fires.',
    ),
  },
  {
    title: 'AlertFiring',
    description: 'One time at which an alert fired. The newest 100 of each alert are kept.',
    examples: [
      {
        id: 'firing_01933b5a000070008000000000000001',
        alert_id: 'alert_01933b5a000070008000000000000001',
        fired_at: '2026-11-27T09:30:00.000Z',
        threshold: 50,
        value: 51.2,
        notified_at: '2026-11-27T09:30:00.000Z',
        notifications: 1,
        resolved_at: '2026-11-27T11:00:00.000Z',
        resolution: 'recovered',
      },
    ],
  },
)
export type AlertFiring = Static<typeof AlertFiring>
export const AlertFiringPage = pageOf(AlertFiring, 'AlertFiringsListResponse')

export const AlertFiringQuery = Type.Object(pageParameters)
export type AlertFiringQuery = Static<typeof AlertFiringQuery>
