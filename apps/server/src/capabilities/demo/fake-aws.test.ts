import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSql } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import { sessionWith, type ToolUse, useTools } from '../../../test/tool-session.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never)
})

const ref = 'fake_aws'
const instances = (state?: string): ToolUse => ['aws_list_ec2_instances', state ? { state } : {}]
const start = (name: string, more: object = {}): ToolUse => [
  'aws_create_ec2_instance',
  { instance_type: 't3.small', name, ...more },
]
const stop = (instance_id: string): ToolUse => ['aws_stop_ec2_instance', { instance_id }]
const second = 'i-00000000000000002'

test('lists, starts and stops machines', async (t) => {
  const session = await sessionWith(server, ref)
  const answers = await useTools(
    t,
    server,
    session.id,
    instances(),
    start('worker'),
    start('worker', { availability_zone: 'us-east-1c' }),
    stop(second),
    stop('i-9'),
    instances('running'),
    instances('stopped'),
  )
  const [seeded, made, other, stopped, unknown, running, off] = answers
  const [{ launch_time, ...web }] = seeded.instances
  assert.deepEqual(web, {
    instance_id: 'i-00000000000000001',
    instance_type: 't3.medium',
    state: 'running',
    availability_zone: 'us-east-1a',
    private_ip: '10.0.0.1',
    public_ip: '198.18.0.1',
    tags: [{ key: 'Name', value: 'web-server' }],
  })
  assert.ok(Math.abs(Date.parse(launch_time) - Date.now()) < 60_000)
  assert.deepEqual(made, {
    instance_id: second,
    state: 'running',
    private_ip: '10.0.0.2',
    public_ip: '198.18.0.2',
    message: 'worker is running.',
  })
  assert.notEqual(other.instance_id, made.instance_id)
  assert.deepEqual(stopped, { instance_id: second, old_state: 'running', new_state: 'stopped' })
  assert.equal(unknown, 'Instance i-9 not found')
  assert.deepEqual([running.total_count, off.total_count], [2, 1])
  assert.equal(running.instances[1].availability_zone, 'us-east-1c')
  assert.equal(off.instances[0].instance_id, second)
})

test('creates databases, buckets and users once each', async (t) => {
  const session = await sessionWith(server, ref)
  const database: ToolUse = [
    'aws_create_rds_database',
    { db_instance_id: 'orders', engine: 'postgres', instance_class: 'db.t3.micro' },
  ]
  const bucket: ToolUse = [
    'aws_create_s3_bucket',
    { bucket_name: 'tide-logs', region: 'eu-west-3', versioning_enabled: true },
  ]
  const user: ToolUse = ['aws_create_iam_user', { username: 'ci', permissions: ['s3:Get*'] }]
  const answers = await useTools(
    t,
    server,
    session.id,
    ['aws_list_rds_databases', {}],
    database,
    database,
    ['aws_list_rds_databases', {}],
    bucket,
    bucket,
    ['aws_create_s3_bucket', { bucket_name: 'No Name' }],
    ['aws_list_s3_buckets', {}],
    user,
    user,
    ['aws_list_iam_users', {}],
    ['aws_list_security_groups', {}],
  )
  assert.deepEqual(answers[0], { databases: [], total_count: 0 })
  assert.deepEqual(answers[1], {
    db_instance_id: 'orders',
    status: 'creating',
    message: 'orders is being created.',
  })
  assert.equal(answers[2], 'Database orders exists already')
  const { created_at, ...listed } = answers[3].databases[0]
  assert.deepEqual(listed, {
    db_instance_id: 'orders',
    engine: 'postgres',
    instance_class: 'db.t3.micro',
    storage_gb: 20,
    status: 'creating',
  })
  assert.deepEqual(answers[4], {
    bucket_name: 'tide-logs',
    status: 'created',
    region: 'eu-west-3',
    versioning_enabled: true,
    encryption_enabled: true,
  })
  assert.equal(answers[5], 'Bucket tide-logs exists already')
  assert.match(answers[6], /^Invalid arguments for aws_create_s3_bucket: bucket_name /)
  assert.equal(answers[7].total_count, 3)
  assert.equal(answers[7].buckets[2].region, 'eu-west-3')
  assert.deepEqual(answers[8], {
    username: 'ci',
    user_id: 'AIDA0000000000000003',
    status: 'created',
  })
  assert.equal(answers[9], 'User ci exists already')
  assert.deepEqual(answers[10].users[2].permissions, ['s3:Get*'])
  assert.equal(answers[11].total_count, 1)

  // A database is available after a minute.
  const file = `/v1/sessions/${session.id}/fs/aws/aws.json`
  const { content } = (await server.call('GET', file)).body
  const earlier = new Date(Date.parse(created_at) - 60_000).toISOString()
  await server.call('PUT', file, { content: content.replaceAll(created_at, earlier) })
  const [{ databases }] = await useTools(t, server, session.id, ['aws_list_rds_databases', {}])
  assert.equal(databases[0].status, 'available')
})

test('returns metrics of an existing resource, every five minutes up to now', async (t) => {
  const session = await sessionWith(server, ref)
  const get = (input: object): ToolUse => ['aws_get_cloudwatch_metrics', input]
  const resource_id = 'i-00000000000000001'
  const cpu = { resource_id, metric_name: 'CPUUtilization' }
  const [hour, short, network, unknown, unnamed] = await useTools(
    t,
    server,
    session.id,
    get(cpu),
    get({ ...cpu, period_minutes: 15 }),
    get({ ...cpu, metric_name: 'NetworkIn' }),
    get({ ...cpu, resource_id: 'i-2' }),
    get({ ...cpu, metric_name: 'Mood' }),
  )
  assert.deepEqual([hour.period, hour.datapoints.length], ['5 minutes', 12])
  // Five minutes may end between two calls.
  const known = new Map(
    hour.datapoints.map((point: { timestamp: string }) => [point.timestamp, point]),
  )
  const shared = short.datapoints.filter(({ timestamp }: { timestamp: string }) =>
    known.has(timestamp),
  )
  assert.deepEqual([short.datapoints.length, shared.length >= 2], [3, true])
  for (const point of shared) assert.deepEqual(point, known.get(point.timestamp))
  const times = hour.datapoints.map(({ timestamp }: { timestamp: string }) => Date.parse(timestamp))
  assert.ok(Date.now() - times.at(-1)! < 600_000)
  assert.deepEqual(
    new Set(times.slice(1).map((time: number, n: number) => time - times[n])),
    new Set([300_000]),
  )
  for (const { minimum, average, maximum } of [...hour.datapoints, ...network.datapoints]) {
    assert.ok(0 <= minimum && minimum <= average && average <= maximum)
  }
  assert.equal(unknown, 'Resource i-2 not found')
  assert.match(unnamed, /metric_name must be one of/)
})

test('config sets the region, the initial data and read-only mode', async (t) => {
  const config = { region: 'eu-central-1', seed: 'empty', path: '/cloud' }
  const session = await sessionWith(server, ref, config)
  const [none, , made, bucket] = await useTools(
    t,
    server,
    session.id,
    instances(),
    start('web'),
    instances(),
    ['aws_create_s3_bucket', { bucket_name: 'tide-a' }],
  )
  assert.equal(none.total_count, 0)
  assert.equal(made.instances[0].availability_zone, 'eu-central-1a')
  assert.equal(bucket.region, 'eu-central-1')
  await runSql(
    server.databaseUrl,
    `do $$ begin assert exists (
      select from files where session_id = '${session.id}' and path = '/cloud/aws.json'); end $$`,
  )
  const looking = await sessionWith(server, ref, { readonly: true })
  const answers = await useTools(t, server, looking.id, start('web'), stop(second), instances())
  assert.deepEqual(
    answers.map((answer) => answer.total_count ?? answer),
    [
      'Tool definition not found: aws_create_ec2_instance',
      'Tool definition not found: aws_stop_ec2_instance',
      1,
    ],
  )
})
