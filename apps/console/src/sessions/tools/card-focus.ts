/**
 * Focuses the head of the card, or of the entry, that contains an element. The form in it
 * disappears after the answer, and keyboard users continue from the head.
 */
export function focusCard(element: Element): void {
  const card = element.closest('.tool, .waiting-entry')
  card?.querySelector<HTMLElement>('.tool-head, .entry-name a')?.focus({ preventScroll: true })
}
