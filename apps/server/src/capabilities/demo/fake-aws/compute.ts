import { Type } from 'typebox'
import { ToolError } from '../../capability.ts'
import { addRow, findRow, Line, nextId, noInput, strict } from '../session-document.ts'
import { addressesOf, aws, Engine, InstanceState, regionOf } from './aws.ts'

const listInstances = aws.reads({
  name: 'aws_list_ec2_instances',
  description: 'Lists all machines, or those in a state.',
  input: Type.Object({ state: Type.Optional(InstanceState) }, strict),
  run: ({ state }, data) => {
    const instances = data.instances.filter((one) => state === undefined || one.state === state)
    return { instances, total_count: instances.length }
  },
})

const createInstance = aws.changes({
  name: 'aws_create_ec2_instance',
  description: 'Starts a machine.',
  input: Type.Object(
    { instance_type: Line(), name: Line(), availability_zone: Type.Optional(Line()) },
    strict,
  ),
  run: ({ instance_type, name, availability_zone }, { instances }, config) => {
    const instance_id = nextId(instances, 'instance_id', 'i-00000000000000001')
    const instance = {
      instance_id,
      instance_type,
      state: 'running' as const,
      availability_zone: availability_zone ?? `${regionOf(config)}a`,
      ...addressesOf(Number(instance_id.slice(2)) % 65_536),
      launch_time: new Date().toISOString(),
      tags: [{ key: 'Name', value: name }],
    }
    const { state, private_ip, public_ip } = addRow(instances, instance, 'instances')
    return { instance_id, state, private_ip, public_ip, message: `${name} is running.` }
  },
})

const stopInstance = aws.changes({
  name: 'aws_stop_ec2_instance',
  description: 'Stops a machine. It keeps its addresses.',
  input: Type.Object({ instance_id: Line() }, strict),
  run: ({ instance_id }, { instances }) => {
    const instance = findRow(
      instances,
      (one) => one.instance_id === instance_id,
      `Instance ${instance_id}`,
    )
    const { state: old_state } = instance
    if (old_state === 'terminated') throw new ToolError(`Instance ${instance_id} is terminated`)
    instance.state = 'stopped'
    return { instance_id, old_state, new_state: instance.state }
  },
})

/** Time that creating an invented database takes, in ms. */
const creatingMs = 60_000

const listDatabases = aws.reads({
  name: 'aws_list_rds_databases',
  description: 'Lists the databases. A database is available one minute after its creation.',
  input: noInput,
  run: (_, data) => {
    const isNew = (at: string) => Date.now() - Date.parse(at) < creatingMs
    const databases = data.databases.map(({ created_at, ...rest }) => ({
      ...rest,
      status: isNew(created_at) ? 'creating' : 'available',
      created_at,
    }))
    return { databases, total_count: databases.length }
  },
})

const createDatabase = aws.changes({
  name: 'aws_create_rds_database',
  description: 'Creates a database. Its id must be new.',
  input: Type.Object(
    {
      db_instance_id: Line(),
      engine: Engine,
      instance_class: Line(),
      storage_gb: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536, default: 20 })),
    },
    strict,
  ),
  run: ({ db_instance_id, engine, instance_class, storage_gb = 20 }, { databases }) => {
    if (databases.some((one) => one.db_instance_id === db_instance_id)) {
      throw new ToolError(`Database ${db_instance_id} exists already`)
    }
    const created_at = new Date().toISOString()
    const database = { db_instance_id, engine, instance_class, storage_gb, created_at }
    addRow(databases, database, 'databases')
    return { db_instance_id, status: 'creating', message: `${db_instance_id} is being created.` }
  },
})

export const computeTools = {
  reading: [listInstances, listDatabases],
  changing: [createInstance, stopInstance, createDatabase],
}
