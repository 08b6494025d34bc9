/** Gives a file to the person at the browser. */
export function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** The same of JSON lines that the server sends piece by piece. */
export async function saveLines(pieces: AsyncIterable<Uint8Array>, name: string): Promise<void> {
  const known: BlobPart[] = []
  for await (const piece of pieces) known.push(piece as BlobPart)
  saveBlob(new Blob(known, { type: 'application/x-ndjson' }), name)
}
