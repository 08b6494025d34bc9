import { setTimeout as sleep } from 'node:timers/promises'
import { addMishap, type FaultDone, type Mishap } from '../evidence.ts'
import { describeFault, type Fault } from '../plan.ts'
import type { Cluster, ClusterNode } from './cluster.ts'
import { takeConnections } from './connections.ts'
import type { RunDatabase } from './database.ts'

export type FaultsOptions = {
  cluster: Cluster
  database: RunDatabase
  faults: Iterable<Fault>
  /** No new fault after this time. */
  untilMs: number
  mishaps: Mishap[]
  /** Receives each fault once it has ended. */
  done: FaultDone[]
  say: (line: string) => void
  signal: AbortSignal
}

/** Injects faults one after the other; each has ended, and every node is back, before the next. */
export async function makeFaults(options: FaultsOptions): Promise<void> {
  const { faults, untilMs, signal, say, done } = options
  for (const fault of faults) {
    if (performance.now() >= untilMs) break
    say(describeFault(fault))
    const at = Date.now()
    await perform(fault, options)
    done.push({ kind: fault.kind, node: fault.node, at, endedAt: Date.now() })
    await sleep(fault.pauseMs, undefined, { signal })
  }
}

async function perform(fault: Fault, options: FaultsOptions) {
  const { cluster, signal } = options
  const { ms } = fault
  const hit = fault.node === undefined ? cluster.nodes : [cluster.nodes[fault.node]!]
  const during = () => sleep(ms, undefined, { signal })
  switch (fault.kind) {
    case 'kill':
    case 'kill_all':
      await Promise.all(hit.map((node) => node.kill()))
      await during()
      return start(hit)
    case 'stop':
      for (const node of hit) node.stop()
      await during()
      for (const node of hit) node.continue()
      return
    case 'deploy':
      for (const node of hit) await deploy(node, during, options)
      return
    case 'database_restart':
      return endDatabase('SIGINT', options)
    case 'database_kill':
      return endDatabase('SIGKILL', options)
    case 'failover':
      return failOver(options)
    case 'read_only':
      return makeReadOnly(during, options)
    case 'connection_limit':
      return useUpConnections(during, options)
    case 'cut':
      for (const { proxy } of hit) proxy.cut()
      return
    case 'refuse':
      for (const { proxy } of hit) proxy.refuse()
      await during()
      return pass(hit)
    case 'stall':
      for (const { proxy } of hit) proxy.stall()
      await during()
      return pass(hit)
    case 'slow':
      for (const { proxy } of hit) proxy.slow()
      await during()
      return pass(hit)
    case 'lose_answers':
      for (const { proxy } of hit) proxy.loseAnswers()
      await during()
      return pass(hit)
  }
}

async function start(nodes: readonly ClusterNode[]) {
  await Promise.all(nodes.map((node) => node.start()))
}

function pass(nodes: readonly ClusterNode[]) {
  for (const { proxy } of nodes) proxy.pass()
}

async function deploy(node: ClusterNode, during: () => Promise<unknown>, options: FaultsOptions) {
  const well = await node.end()
  if (!well) addMishap(options.mishaps, `${node.name} did not end by itself after SIGTERM`)
  await during()
  await node.start()
}

type Databases = Pick<FaultsOptions, 'cluster' | 'database'>

function cutAll({ nodes }: Cluster) {
  for (const { proxy } of nodes) proxy.cut()
}

/** On a server that is not ours every connection is cut instead. */
async function endDatabase(how: 'SIGINT' | 'SIGKILL', { cluster, database }: Databases) {
  if (!database.end) return cutAll(cluster)
  cluster.database.isUp = false
  await database.end(how)
  cluster.database.isUp = true
}

/** Without a standby every connection is cut instead. */
async function failOver({ cluster, database }: Databases) {
  if (!database.standby) return cutAll(cluster)
  cluster.database.isUp = false
  await database.standby.promote()
  cluster.database.isUp = true
  await database.standby.replace()
}

async function makeReadOnly(during: () => Promise<unknown>, { cluster, database }: Databases) {
  cluster.database.isUp = false
  await database.setReadOnly(true)
  if (!database.isOurs) cutAll(cluster)
  await during()
  await database.setReadOnly(false)
  if (!database.isOurs) cutAll(cluster)
  cluster.database.isUp = true
}

/** The nodes lose their connections, which others take. Foreign servers are left alone. */
async function useUpConnections(during: () => Promise<unknown>, { cluster, database }: Databases) {
  if (!database.isOurs) return cutAll(cluster)
  const connections = takeConnections(database.url)
  await connections.fill()
  cluster.database.isUp = false
  for (const { proxy } of cluster.nodes) proxy.refuse()
  await connections.fill()
  pass(cluster.nodes)
  await during().finally(connections.release)
  cluster.database.isUp = true
}
