import { Alert } from '@mantine/core'
import type { Worker } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { statusOf } from '../errors.ts'
import { workerKeys } from '../queries/keys.ts'
import { workersQuery } from '../queries/workers.ts'
import { ActButton, AskButton } from '../shell/controls/act-button.tsx'
import { Refusal } from '../shell/controls/confirm.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { Empty } from '../shell/screen/screen.tsx'
import { State, type StateKind } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'

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
      <CatalogDifference nodes={workers.data ?? []} />
      <div className="scroll">
        <List
          label="Nodes"
          columns={columns}
          query={workers}
          items={workers.data ?? []}
          sort={sort}
          empty={<Empty title="No nodes" />}
          row={(one) => <Node key={one.id} node={one} />}
        />
      </div>
    </>
  )
}

/** Warns when living nodes have different capabilities. Nodes of 0.1 have no hash. */
function CatalogDifference({ nodes }: { nodes: readonly Worker[] }) {
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

const stateOfNode = ({ alive, draining }: Worker): [StateKind, string] =>
  alive ? (draining ? ['warn', 'draining'] : ['good', 'online']) : ['bad', 'offline']

const columns: ListColumn[] = [
  { id: 'node', head: 'Node', width: 'minmax(150px, 1fr)' },
  { id: 'status', head: 'Status', width: '88px', sort: 'asc' },
  { id: 'role', head: 'Role', width: '64px', from: 'wide' },
  { id: 'slots', head: 'Slots in use', width: '80px', sort: 'desc', isRight: true, from: 'medium' },
  { id: 'version', head: 'Version', width: '96px', sort: 'asc', from: 'medium' },
  { id: 'catalog', head: 'Catalog', width: 'minmax(48px, 132px)', from: 'wide' },
  { id: 'lease-until', head: 'Lease until', width: '72px', from: 'wide' },
  { id: 'started', head: 'Started', width: '104px', sort: 'desc', isRight: true, from: 'wide' },
  { id: 'actions', head: '', width: '76px', isRight: true },
]

const sort: Sortable<Worker> = {
  status: (node) => stateOfNode(node)[1],
  slots: ({ used_slots }) => used_slots,
  version: ({ version }) => version,
  started: ({ started_at }) => started_at,
}

function Node({ node }: { node: Worker }) {
  const { id, role, version, catalog_hash, slots, used_slots, alive, draining } = node
  const { lease_until, started_at } = node
  const refresh = () => invalidate(workerKeys.all)
  const resume = useMutation({ mutationFn: () => outlast.workers.resume(id), onSuccess: refresh })
  const [kind, word] = stateOfNode(node)
  return (
    <ListRow label={id} isOff={!alive} below={resume.isError && <Refusal error={resume.error} />}>
      <code className="list-name">{id}</code>
      <State kind={kind}>{word}</State>
      {role}
      {`${used_slots} of ${slots}`}
      {version}
      <code className="list-dim">{catalog_hash ?? '–'}</code>
      <span className="list-dim">{new Date(lease_until).toLocaleTimeString('en-GB')}</span>
      <span className="list-dim">
        <Ago at={started_at} />
      </span>
      <div className="list-actions">
        {alive &&
          (draining ? (
            <ActButton act={resume}>Resume</ActButton>
          ) : (
            <AskButton
              label="Drain"
              title={`Drain ${id}?`}
              verb="Drain node"
              done="Node takes no new turns"
              act={async () => {
                await outlast.workers.drain(id)
                refresh()
              }}
            >
              The node takes no new turns. Running turns continue. If it is the only node, new turns
              wait until you resume it.
            </AskButton>
          ))}
      </div>
    </ListRow>
  )
}
