import './panels.css'
import { FilesPanel } from '../files/files-panel.tsx'
import { DetailsPanel } from './details.tsx'
import { EventsPanel } from './events.tsx'
import type { PanelName } from './panels.ts'
import { TimelinePanel } from './timeline.tsx'
import { UsagePanel } from './usage.tsx'
import type { Followed } from './use-transcript.ts'

type About = { name: PanelName; followed: Followed; sessionId: string }

/** What stands beside the conversation. */
export function Panel({ name, followed: { events }, sessionId }: About) {
  switch (name) {
    case 'timeline':
      return <TimelinePanel events={events} />
    case 'events':
      return <EventsPanel events={events} />
    case 'files':
      return <FilesPanel sessionId={sessionId} />
    case 'usage':
      return <UsagePanel events={events} />
    case 'details':
      return <DetailsPanel sessionId={sessionId} />
  }
}
