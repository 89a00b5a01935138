// Do the links of our Markdown files lead anywhere? Files and headings of this repository only: no request is made.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './ground.mjs'

/** Pages that name source files as code, by the end of their paths: `connection/guard.ts`. */
const pagesWithPaths = ['docs/architecture.md', 'CONTRIBUTING.md']

/** One line per link that leads nowhere, and per file that is named and does not exist. */
export function brokenLinks() {
  const files = listFiles('*.md')
  return [...files.flatMap((file) => brokenLinksOf(file)), ...pagesWithPaths.flatMap((file) => missingFilesOf(file))]
}

function listFiles(...patterns) {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...patterns], {
    cwd: root,
  })
  const files = listed.toString().split('\n').filter(Boolean)
  return files.filter((file) => existsSync(join(root, file)))
}

function missingFilesOf(page) {
  const files = listFiles('*.ts', '*.mjs').map((file) => `/${file}`)
  const lines = readFileSync(join(root, page), 'utf8').split('\n')
  return lines.flatMap((line, index) =>
    [...line.matchAll(/`([\w./-]+\.(?:ts|mjs))`/g)]
      .map((match) => match[1])
      .filter((path) => !files.some((file) => file.endsWith(`/${path}`)))
      .map((path) => `${page}:${index + 1}: ${path}`),
  )
}

function brokenLinksOf(file) {
  return readLines(file).flatMap((line, index) =>
    [...line.matchAll(/\]\(([^()\s]+)(?:\s+"[^"]*")?\)/g)]
      .map((match) => match[1])
      .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(file, target))
      .map((target) => `${file}:${index + 1}: ${target}`),
  )
}

function leadsSomewhere(file, target) {
  const [path, heading] = target.split('#')
  const linked = path ? join(dirname(file), decodeURIComponent(path)) : file
  if (!existsSync(join(root, linked))) return false
  if (!heading) return true
  return !statSync(join(root, linked)).isDirectory() && headings(linked).has(heading)
}

/** The anchors of a file's headings, as GitHub makes them. */
function headings(file) {
  const seen = new Map()
  const anchors = new Set()
  for (const line of readLines(file)) {
    const text = /^#{1,6} (.+)$/.exec(line)?.[1]
    if (!text) continue
    const words = text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = words.replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-')
    const count = seen.get(anchor) ?? 0
    seen.set(anchor, count + 1)
    anchors.add(count === 0 ? anchor : `${anchor}-${count}`)
  }
  return anchors
}

/** The lines of a file, empty where they are code. */
function readLines(file) {
  let fenced = false
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .map((line) => {
      const fence = /^\s*(```|~~~)/.test(line)
      if (fence) fenced = !fenced
      return fenced || fence ? '' : line.replace(/`[^`]*`/g, (code) => (line.startsWith('#') ? code.slice(1, -1) : ''))
    })
}
