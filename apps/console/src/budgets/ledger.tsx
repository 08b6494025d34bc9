import type { Budget, LedgerEntry } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ledgerQuery } from '../queries/budgets.ts'
import { Dialog } from '../shell/controls/dialog.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import { Empty } from '../shell/screen/screen.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { amountText } from './words.ts'

const kinds: Record<LedgerEntry['kind'], string> = {
  reserve: 'Running model call',
  settle: 'Model call',
  top_up: 'Top-up',
  manual: 'Manual entry',
  period: 'New period',
}

type LedgerProps = { budget: Budget; label: string; close: () => void }

/** The newest entries of a budget. */
export function Ledger({ budget: { id, currency }, label, close }: LedgerProps) {
  const entries = useQuery(ledgerQuery(id))
  return (
    <Dialog close={close} title={`Ledger of ${label}`} size="xl">
      <List
        label="Ledger"
        columns={columns}
        query={entries}
        items={entries.data ?? []}
        empty={<Empty title="No entries yet" />}
        row={(one) => <EntryRow key={one.id} entry={one} currency={currency} />}
      />
    </Dialog>
  )
}

const columns: ListColumn[] = [
  { id: 'when', head: 'When', width: '112px' },
  { id: 'entry', head: 'Entry', width: '104px' },
  { id: 'amount', head: 'Amount', width: '96px', isRight: true },
  { id: 'reserved', head: 'Reserved', width: '96px', isRight: true },
  { id: 'reason', head: 'Reason', width: 'minmax(0, 1fr)', from: 'medium' },
]

function EntryRow({ entry, currency }: { entry: LedgerEntry; currency: string }) {
  const { kind, amount, reserved, session_id, description, created_at } = entry
  return (
    <ListRow label={kinds[kind]}>
      <Ago at={created_at} />
      {session_id ? (
        <Link to="/sessions/$sessionId" params={{ sessionId: session_id }}>
          {kinds[kind]}
        </Link>
      ) : (
        <span>{kinds[kind]}</span>
      )}
      {amountText(amount, currency)}
      {reserved === null ? '' : amountText(reserved, currency)}
      <span title={description ?? undefined}>{description}</span>
    </ListRow>
  )
}
