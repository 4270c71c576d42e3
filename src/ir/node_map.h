// A map from nodes to values for passes over large graphs: open addressing, hashed by the node's
// id, so that the cost of a lookup does not depend on where nodes lie in memory. Never iterated.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "ir/node.h"

namespace tenon::ir {

template <class Value>
class NodeMap {
 public:
  /// The value of `key`, or nullptr. Valid until the next insertion.
  [[nodiscard]] const Value* find(Expr key) const {
    if (slots_.empty()) return nullptr;
    const size_t i = locate(key);
    return slots_[i].first == key ? &slots_[i].second : nullptr;
  }
  [[nodiscard]] bool contains(Expr key) const { return find(key) != nullptr; }
  /// False when the key was there already; its value then stays.
  bool insert(Expr key, Value value) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    const size_t i = locate(key);
    if (slots_[i].first == key) return false;
    slots_[i] = {key, std::move(value)};
    ++size_;
    return true;
  }
  /// Inserts or overwrites.
  void put(Expr key, Value value) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    const size_t i = locate(key);
    size_ += slots_[i].first != key;
    slots_[i] = {key, std::move(value)};
  }
  /// The value of `key`, value-initialized on first use. Valid until the next insertion.
  [[nodiscard]] Value& operator[](Expr key) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    auto& slot = slots_[locate(key)];
    size_ += slot.first != key;
    slot.first = key;
    return slot.second;
  }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  [[nodiscard]] size_t locate(Expr key) const {
    const size_t mask = slots_.size() - 1;
    size_t i = ((key->id + 1) * 0x9e3779b97f4a7c15ULL >> 20) & mask;
    while (slots_[i].first != nullptr && slots_[i].first != key) i = (i + 1) & mask;
    return i;
  }
  void grow() {
    std::vector<std::pair<Expr, Value>> old(slots_.empty() ? 16 : 2 * slots_.size());
    old.swap(slots_);
    for (auto& slot : old)
      if (slot.first != nullptr) slots_[locate(slot.first)] = std::move(slot);
  }
  std::vector<std::pair<Expr, Value>> slots_;
  size_t size_ = 0;
};

}  // namespace tenon::ir
