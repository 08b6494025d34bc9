import { type Static, Type } from 'typebox'
import { documentConfig, documentTools, Line, Rows } from '../session-document.ts'

export const InstanceState = Type.Enum(['running', 'stopped', 'terminated'], { type: 'string' })
export const Engine = Type.Enum(['postgres', 'mysql', 'mariadb'], { type: 'string' })

const Instance = Type.Object({
  instance_id: Line(),
  instance_type: Line(),
  state: InstanceState,
  availability_zone: Line(),
  private_ip: Line(),
  public_ip: Line(),
  launch_time: Line(),
  tags: Type.Array(Type.Object({ key: Type.String(), value: Type.String() }), { maxItems: 50 }),
})

const shape = Type.Object({
  instances: Rows(Instance),
  databases: Rows(
    Type.Object({
      db_instance_id: Line(),
      engine: Engine,
      instance_class: Line(),
      storage_gb: Type.Integer(),
      created_at: Line(),
    }),
  ),
  buckets: Rows(
    Type.Object({
      bucket_name: Line(),
      region: Line(),
      versioning_enabled: Type.Boolean(),
      encryption_enabled: Type.Boolean(),
      created_at: Line(),
    }),
  ),
  users: Rows(
    Type.Object({
      username: Line(),
      user_id: Line(),
      permissions: Type.Array(Type.String(), { maxItems: 100 }),
      created_at: Line(),
    }),
  ),
  security_groups: Rows(
    Type.Object({
      group_id: Line(),
      group_name: Line(),
      description: Type.String(),
      inbound_rules: Type.Array(
        Type.Object({ protocol: Line(), port: Type.Integer(), source: Line() }),
        { maxItems: 100 },
      ),
    }),
  ),
})
export type Aws = Static<typeof shape>

const directory = '/aws'

export const awsConfig = documentConfig(directory, shape, {
  region: Type.Optional(
    Type.String({
      pattern: '^[a-z]{2}(-[a-z]+)+-[1-9]$',
      maxLength: 40,
      default: 'us-east-1',
      description: 'Region of the account and of calls without one; by default us-east-1.',
    }),
  ),
})
export type AwsConfig = Static<typeof awsConfig>

export const regionOf = ({ region = 'us-east-1' }: AwsConfig) => region

const empty = (): Aws => ({
  instances: [],
  databases: [],
  buckets: [],
  users: [],
  security_groups: [],
})

/** The addresses of the n-th instance. Public ones are in a range reserved for documentation. */
export const addressesOf = (n: number) => ({
  private_ip: `10.0.${n >> 8}.${n & 255}`,
  public_ip: `198.18.${n >> 8}.${n & 255}`,
})

function examples(config: AwsConfig): Aws {
  const created_at = new Date().toISOString()
  const region = regionOf(config)
  const bucket = (bucket_name: string, isVersioned: boolean) => ({
    bucket_name,
    region,
    versioning_enabled: isVersioned,
    encryption_enabled: true,
    created_at,
  })
  return {
    ...empty(),
    instances: [
      {
        instance_id: 'i-00000000000000001',
        instance_type: 't3.medium',
        state: 'running',
        availability_zone: `${region}a`,
        ...addressesOf(1),
        launch_time: created_at,
        tags: [{ key: 'Name', value: 'web-server' }],
      },
    ],
    buckets: [bucket('tidewater-uploads', false), bucket('tidewater-backups', true)],
    users: [
      { username: 'deploy', user_id: 'AIDA0000000000000001', permissions: ['ec2:*'], created_at },
      { username: 'audit', user_id: 'AIDA0000000000000002', permissions: ['*:List*'], created_at },
    ],
    security_groups: [
      {
        group_id: 'sg-00000000000000001',
        group_name: 'web',
        description: 'Allows web traffic.',
        inbound_rules: [443, 80].map((port) => ({ protocol: 'tcp', port, source: '0.0.0.0/0' })),
      },
    ],
  }
}

export const aws = documentTools<Aws, AwsConfig>({
  directory,
  file: 'aws.json',
  shape,
  seeds: { empty, default: examples },
})
