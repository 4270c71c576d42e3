#include "schedule/attach.h"

#include <algorithm>

namespace tenon::schedule {
namespace {

using Extents = std::span<const ir::Expr>;

bool same_rows(Extents a, Extents b, size_t rows) {
  return a.size() >= rows && b.size() >= rows &&
         std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(rows), b.begin());
}

/// Does point [i, ..] of the candidate read row i of the value?
bool follows_rows(const InnerRead& read, const Candidate& candidate, size_t rows) {
  if (!read.axes || read.axes->size() < rows) return false;
  for (size_t i = 0; i < rows; ++i)
    if ((*read.axes)[i] != static_cast<int>(i)) return false;
  return same_rows(read.extents, candidate.extents, rows);
}

Attachment in_rows(const Candidate& candidate, Extents domain, size_t rows) {
  const bool whole_rows =
      candidate.form == Form::rows && static_cast<size_t>(candidate.rows) == rows;
  if (!whole_rows && candidate.form != Form::point)
    return {{}, "it does not work on the same rows"};
  if (!same_rows(candidate.extents, domain, rows)) return {{}, "its rows have other extents"};
  for (const InnerRead& read : candidate.reads)
    if (!follows_rows(read, candidate, rows)) return {{}, "it reads other rows than its own"};
  return {Place::row, {}};
}

Attachment in_epilogue(const Anchor& anchor, const Candidate& candidate) {
  if (candidate.form != Form::point) return {{}, "only work on single points follows a sum"};
  if (!std::equal(candidate.extents.begin(), candidate.extents.end(), anchor.domain.begin(),
                  anchor.domain.end()))
    return {{}, "its points are not those of the sum"};
  for (const InnerRead& read : candidate.reads)
    if (read.repeats) return {{}, "it reads an element of the sum at several points"};
  if (candidate.before && !candidate.beside.empty())
    return {{}, "others read what would be computed on pieces"};
  return {Place::epilogue, {}};
}

Attachment at_points(const Anchor& anchor, const Candidate& candidate) {
  if (candidate.form > Form::listed) return {{}, "it does not work on single points"};
  if (candidate.before) {
    const bool in_place = candidate.form == Form::point || candidate.form == Form::listed;
    if (!in_place) return {{}, "its points lie elsewhere"};
    if (candidate.extents != anchor.domain) return {{}, "its points are others"};
    return {Place::point, {}};
  }
  if (anchor.dear)
    for (const InnerRead& read : candidate.reads)
      if (read.repeats) return {{}, "a dear value would be computed again for each point"};
  // What others read too is stored by the same loops.
  for (Extents shape : candidate.beside)
    if (!std::equal(shape.begin(), shape.end(), candidate.extents.begin(), candidate.extents.end()))
      return {{}, "a value that others read has other points"};
  return {Place::point, {}};
}

Attachment to_rows(const Candidate& candidate, std::span<const Candidate> members) {
  const auto rows = static_cast<size_t>(candidate.rows);
  if (rows == 0) return {{}, "it leaves no rows"};
  for (const Candidate& member : members)
    if (const Attachment there = in_rows(member, candidate.extents, rows); !there) return there;
  return in_rows(candidate, candidate.extents, rows);
}

}  // namespace

std::string_view name(Place place) {
  switch (place) {
    case Place::own:
      return "own";
    case Place::point:
      return "point";
    case Place::row:
      return "row";
    case Place::epilogue:
      return "epilogue";
  }
  return "own";
}

Attachment can_attach(const Anchor& anchor, const Candidate& candidate,
                      std::span<const Candidate> members) {
  switch (anchor.form) {
    case Form::rows:
      return in_rows(candidate, anchor.domain, anchor.domain.size());
    case Form::anchor:
      return in_epilogue(anchor, candidate);
    case Form::whole:
      return {{}, "nothing shares the loops of a statement over whole buffers"};
    case Form::point:
    case Form::moved:
    case Form::listed:
      break;
  }
  return candidate.form == Form::rows ? to_rows(candidate, members) : at_points(anchor, candidate);
}

void attach(Anchor& anchor, const Candidate& candidate, Place place) {
  anchor.dear = anchor.dear || candidate.dear;
  if (place == Place::row && anchor.form != Form::rows) {
    anchor.form = Form::rows;
    anchor.domain.assign(candidate.extents.begin(), candidate.extents.begin() + candidate.rows);
  } else if (place == Place::point && !candidate.before) {
    anchor.domain = candidate.extents;
  }
}

}  // namespace tenon::schedule
