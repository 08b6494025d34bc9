import { type Static, Type } from 'typebox'
import { findRow, Line, strict } from '../session-document.ts'
import { type Aws, aws } from './aws.ts'

const Metric = Type.Enum(['CPUUtilization', 'MemoryUtilization', 'DiskReadOps', 'NetworkIn'], {
  type: 'string',
})
const input = Type.Object(
  {
    resource_id: Line('The id of a machine or a database.'),
    metric_name: Metric,
    period_minutes: Type.Optional(
      Type.Integer({
        minimum: 5,
        maximum: 1_440,
        default: 60,
        description: 'Length of the period up to now, in minutes.',
      }),
    ),
  },
  strict,
)

/** Middle and swing of each metric: per cent, operations, bytes. */
const ranges: Record<Static<typeof Metric>, [middle: number, swing: number]> = {
  CPUUtilization: [35, 20],
  MemoryUtilization: [60, 10],
  DiskReadOps: [120, 80],
  NetworkIn: [2_000_000, 1_500_000],
}
const stepMs = 300_000

/** A value between -1 and 1, always the same for the same resource and time. */
function wave(resourceId: string, slot: number): number {
  const seed = Buffer.from(resourceId).reduce((sum, byte) => sum + byte, 0)
  return Math.sin(slot / 7 + seed) * 0.8 + Math.sin(slot * 1.7 + seed) * 0.2
}

function checkResource({ instances, databases }: Aws, id: string): void {
  const ids = [
    ...instances.map(({ instance_id }) => instance_id),
    ...databases.map(({ db_instance_id }) => db_instance_id),
  ]
  findRow(ids, (one) => one === id, `Resource ${id}`)
}

const getMetrics = aws.reads({
  name: 'aws_get_cloudwatch_metrics',
  description:
    'Returns invented values of a metric of a machine or a database, every five minutes up to now.',
  input,
  run: ({ resource_id, metric_name, period_minutes = 60 }, data) => {
    checkResource(data, resource_id)
    const [middle, swing] = ranges[metric_name]
    const last = Math.floor(Date.now() / stepMs)
    const count = Math.floor((period_minutes * 60_000) / stepMs)
    const datapoints = Array.from({ length: count }, (_, index) => {
      const slot = last - count + 1 + index
      const average = Math.round(middle + swing * wave(resource_id, slot))
      const spread = Math.round(swing / 10)
      const timestamp = new Date(slot * stepMs).toISOString()
      return { timestamp, average, minimum: average - spread, maximum: average + spread }
    })
    return { resource_id, metric_name, datapoints, period: '5 minutes' }
  },
})

export const metricTools = { reading: [getMetrics], changing: [] }
