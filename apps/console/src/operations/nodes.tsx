import { Alert } from '@mantine/core'
import type { Worker } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { statusOf } from '../errors.ts'
import { workerKeys } from '../queries/keys.ts'
import { workersQuery } from '../queries/workers.ts'
import { ActButton, AskButton } from '../shell/act-button.tsx'
import { Ago } from '../shell/ago.tsx'
import { Refusal } from '../shell/confirm.tsx'
import { Entry, State, type StateKind } from '../shell/entry.tsx'
import { Empty, Failure } from '../shell/screen.tsx'

/** The nodes of this server. All organizations share them, so only operators see them. */
export function Nodes() {
  const workers = useQuery(workersQuery)
  if (statusOf(workers.error) === 403) {
    return (
      <Empty title="Only operators can see nodes">
        All organizations share the nodes. Administrators of the default organization can see them.
      </Empty>
    )
  }
  return (
    <>
      {workers.isError && <Failure error={workers.error} retry={workers.refetch} />}
      <Difference nodes={workers.data ?? []} />
      <ul className="entries scroll" aria-label="Nodes">
        {workers.data?.map((one) => (
          <Node key={one.id} node={one} />
        ))}
      </ul>
    </>
  )
}

/** Warns when living nodes have different capabilities. Nodes of 0.1 have no hash. */
function Difference({ nodes }: { nodes: readonly Worker[] }) {
  const byHash = Map.groupBy(
    nodes.filter(({ alive, catalog_hash }) => alive && catalog_hash),
    ({ catalog_hash }) => catalog_hash,
  )
  if (byHash.size < 2) return null
  return (
    <Alert color="yellow" m="md" mb={0} role="alert" title="Nodes have different capabilities">
      The nodes below run different code. During a deploy this is normal and ends when all nodes are
      replaced. A turn runs only on a node that has its capabilities; after 60 s without such a node
      it runs without them.
      <ul>
        {[...byHash].map(([hash, same]) => (
          <li key={hash}>
            Catalog <code>{hash}</code>: {same.map(({ id }) => id).join(', ')}
          </li>
        ))}
      </ul>
    </Alert>
  )
}

const stateOf = ({ alive, draining }: Worker): [StateKind, string] =>
  alive ? (draining ? ['warn', 'draining'] : ['good', 'online']) : ['bad', 'offline']

function Node({ node }: { node: Worker }) {
  const { id, role, version, catalog_hash, slots, used_slots, alive, draining } = node
  const { lease_until, started_at } = node
  const refresh = () => invalidate(workerKeys.all)
  const resume = useMutation({ mutationFn: () => outlast.workers.resume(id), onSuccess: refresh })
  const [kind, word] = stateOf(node)
  return (
    <Entry
      label={id}
      name={
        <>
          <code>{id}</code>
          <State kind={kind}>{word}</State>
        </>
      }
      about={
        <>
          {role} · version {version} · catalog <code>{catalog_hash ?? '–'}</code> · {used_slots} of{' '}
          {slots} slots in use · lease until {new Date(lease_until).toLocaleTimeString('en-GB')} ·
          started <Ago at={started_at} />
        </>
      }
      side={
        alive &&
        (draining ? (
          <ActButton act={resume}>Resume</ActButton>
        ) : (
          <AskButton
            label="Drain"
            title={`Drain ${id}?`}
            verb="Drain node"
            act={async () => {
              await outlast.workers.drain(id)
              refresh()
            }}
          >
            The node takes no new turns. Running turns continue. If it is the only node, new turns
            wait until you resume it.
          </AskButton>
        ))
      }
      below={resume.isError && <Refusal error={resume.error} />}
    />
  )
}
