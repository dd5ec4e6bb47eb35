/**
 * The graph of the servers, drawn in text.
 *
 * @module
 */

import type { GraphNode } from "./mesh.ts";
import { labelsOf } from "./server_names.ts";

/**
 * Draws the graph as a tree from the server `root`, by the fewest links from it; the links that are not in
 * the tree are named below. Servers without which others would be cut off are marked.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { drawTopology } from "./topology_drawing.ts";
 * const lines = drawTopology([
 *   { id: "a", name: "attic", links: ["h"], isCutPoint: false },
 *   { id: "h", name: "hall", links: ["a", "k"], isCutPoint: true },
 *   { id: "k", name: "kitchen", links: ["h"], isCutPoint: false },
 * ], "k");
 * assert(lines.join("\n") === "kitchen\n└── hall (cut point)\n    └── attic");
 * ```
 */
export function drawTopology(graph: readonly GraphNode[], root: string): string[] {
  const nodes = new Map(graph.map((node) => [node.id, node]));
  const labels = new Map(labelsOf(graph, graph).map((label, i) => [graph[i]?.id, label]));
  const label = (id: string): string => labels.get(id) ?? id;
  const byLabel = (a: string, b: string) => label(a) < label(b) ? -1 : label(a) > label(b) ? 1 : 0;
  const linksOf = (id: string) =>
    [...new Set(nodes.get(id)?.links ?? [])].filter((other) => nodes.has(other)).sort(byLabel);

  const children = new Map<string, string[]>([[root, []]]);
  const treeLinks = new Set<string>();
  const queue = [root];
  for (let i = 0; i < queue.length; i++) {
    const id = queue[i] as string;
    for (const other of linksOf(id)) {
      if (children.has(other)) continue;
      children.set(other, []);
      children.get(id)?.push(other);
      treeLinks.add(linkKey(id, other));
      queue.push(other);
    }
  }

  const lines: string[] = [];
  const draw = (id: string, lead: string, branch: string, below: string): void => {
    const mark = nodes.get(id)?.isCutPoint === true ? " (cut point)" : "";
    lines.push(`${lead}${branch}${label(id)}${mark}`);
    const under = children.get(id) ?? [];
    under.forEach((child, i) => {
      const last = i === under.length - 1;
      draw(child, lead + below, last ? "└── " : "├── ", last ? "    " : "│   ");
    });
  };
  draw(root, "", "", "");
  for (const id of queue.toSorted(byLabel)) {
    for (const other of linksOf(id)) {
      const key = linkKey(id, other);
      if (treeLinks.has(key)) continue;
      treeLinks.add(key);
      lines.push(`also linked: ${label(id)} ── ${label(other)}`);
    }
  }
  return lines;
}

function linkKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
