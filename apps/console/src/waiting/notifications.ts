import type { Session, WaitingFor } from '@outlast/sdk'

const stored = 'outlast.notifications'

/** False in browsers without notifications, and on plain HTTP to another host. */
export const canNotify = () => 'Notification' in window && window.isSecureContext

/** Returns whether the user wants notifications in this browser and the browser allows them. */
export function areOn(): boolean {
  try {
    return Notification.permission === 'granted' && localStorage.getItem(stored) === 'on'
  } catch {
    return false
  }
}

/** Asks for the permission. Contract: called by a click only; false when the user refuses. */
export async function turnOn(): Promise<boolean> {
  try {
    if ((await Notification.requestPermission()) !== 'granted') return false
    localStorage.setItem(stored, 'on')
    return true
  } catch {
    return false
  }
}

export function turnOff(): void {
  try {
    localStorage.removeItem(stored)
  } catch {
    // Without storage they were never on.
  }
}

const titles: Partial<Record<WaitingFor['type'], string>> = {
  approval: 'A tool call needs approval',
  input: 'A question needs an answer',
}

/** Notifies of a session that began to wait. Contract: fails silently; tabs share a tag. */
export function notifyOf({ id, title, waiting_for }: Session): void {
  if (!waiting_for || !document.hidden || !areOn()) return
  try {
    const head = titles[waiting_for.type] ?? 'A session is waiting'
    const notification = new Notification(head, {
      tag: `${id} ${waiting_for.since}`,
      body: title ?? '',
    })
    notification.onclick = () => {
      window.focus()
      location.assign('/waiting')
      notification.close()
    }
  } catch {
    // Browsers on phones allow notifications only to service workers.
  }
}
