// Operands of every rank, element type and count for every operator: an answer or a refusal.
#include <gtest/gtest.h>

#include <random>

#include "frontend/onnx/schema.h"
#include "frontend/onnx/test_model.h"

namespace tenon::onnx_import::testing {
namespace {

/// Random models of one node; the operands' ranks, types and kinds are mostly of one form.
class OneNode {
 public:
  explicit OneNode(uint64_t seed) : random_(seed) {}

  Model make(const Schema& schema, int64_t opset) {
    Model m(opset);
    std::vector<std::string> names;
    const auto formals = inputs_of(schema);
    rank_ = pick(0, 4);
    size_t count = formals.size();
    if (count > 0 && formals[count - 1].option == 2) count += static_cast<size_t>(pick(0, 1));
    if (pick(0, 3) == 0) count = static_cast<size_t>(pick(0, static_cast<int>(count)));
    for (size_t i = 0; i < count; ++i)
      names.push_back(operand(m, formals[std::min(i, formals.size() - 1)], i));
    std::vector<std::string> outputs;
    for (int i = 0; i < std::max(schema.min_outputs, 1); ++i)
      outputs.push_back("y" + std::to_string(i));
    for (const std::string& y : outputs) m.output(y);
    auto node = m.node(std::string(schema.name), names, outputs);
    node.node->set_domain(std::string(schema.domain));
    for (const SchemaAttribute& a : attributes_of(schema))
      if (a.required || pick(0, 5) == 0) attribute(node, a);
    return m;
  }

 private:
  int pick(int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random_); }

  int type_of(const SchemaFormal& formal) {
    static constexpr int kTypes[] = {TensorProto::FLOAT, TensorProto::INT64, TensorProto::BOOL,
                                     TensorProto::INT32, TensorProto::UINT8, TensorProto::FLOAT16};
    if (pick(0, 9) == 0) return kTypes[pick(0, 5)];
    for (int type : kTypes)
      if ((formal.types >> type & 1) != 0) return type;
    return TensorProto::FLOAT;
  }

  std::string operand(Model& m, const SchemaFormal& formal, size_t i) {
    if (pick(0, formal.option == 1 ? 2 : 20) == 0) return "";
    const std::string name = "x" + std::to_string(i);
    const int type = type_of(formal);
    const bool small = type == TensorProto::INT64 && (formal.types & 1U << TensorProto::FLOAT) == 0;
    int rank = small ? 1 : rank_;
    if (pick(0, 3) == 0) rank = pick(0, 4);
    std::vector<int64_t> shape;
    for (int d = 0; d < rank; ++d) shape.push_back(pick(0, 3) == 0 ? pick(0, 4) : 2);
    if (small && rank == 1 && pick(0, 1) == 0) shape[0] = std::max(rank_, 1);
    if (pick(0, small ? 3 : 1) == 0) {
      std::vector<Dim> dims;
      for (int64_t d : shape) dims.emplace_back(static_cast<int>(d));
      if (!dims.empty() && pick(0, 4) == 0) dims[0] = Dim("n");
      m.input(name, dims, type);
      return name;
    }
    TensorProto t;
    t.set_name(name);
    t.set_data_type(type);
    int64_t count = 1;
    for (int64_t d : shape) {
      t.add_dims(d);
      count *= d;
    }
    for (int64_t k = 0; k < count; ++k) {
      const int value = pick(0, 9) == 0 ? pick(-5, 9) : pick(0, 2);
      if (type == TensorProto::FLOAT) {
        t.add_float_data(static_cast<float>(value));
      } else if (type == TensorProto::INT64) {
        t.add_int64_data(value);
      } else {
        t.add_int32_data(type == TensorProto::INT32 ? value : value & 1);
      }
    }
    m.init(t);
    return name;
  }

  void attribute(NodeRef& node, const SchemaAttribute& a) {
    auto* proto =
        node.attribute(std::string(a.name), static_cast<AttributeProto::AttributeType>(a.type));
    const auto any = [&] { return pick(0, 7) == 0 ? pick(-3, 1 << 20) : pick(-1, 3); };
    const int length = pick(0, 3) == 0 ? pick(0, 5) : std::max(rank_ - 2, 1);
    switch (a.type) {
      case AttributeProto::INT:
        return proto->set_i(any());
      case AttributeProto::FLOAT:
        return proto->set_f(static_cast<float>(any()));
      case AttributeProto::STRING:
        return proto->set_s(pick(0, 1) == 0 ? "" : "linear");
      case AttributeProto::INTS:
        for (int i = 0; i < length; ++i) proto->add_ints(any());
        return;
      case AttributeProto::FLOATS:
        for (int i = 0; i < length; ++i) proto->add_floats(static_cast<float>(any()));
        return;
      case AttributeProto::STRINGS:
        for (int i = 0; i < length; ++i) proto->add_strings("Tanh");
        return;
      default:
        return;
    }
  }

  std::mt19937_64 random_;
  int rank_ = 2;
};

TEST(Operands, every_operator_answers_or_refuses) {
  constexpr int kRounds = 25;
  int taken = 0;
  int refused = 0;
  for (const std::string& key : convertible_operators()) {
    const size_t colon = key.find(':');
    const std::string domain = colon == std::string::npos ? "" : key.substr(0, colon);
    if (!domain.empty()) continue;
    for (const int64_t opset : {9, 13, 21}) {
      const Schema* schema = find_schema(domain, key, opset);
      if (schema == nullptr) continue;
      for (int round = 0; round < kRounds; ++round) {
        SCOPED_TRACE(key + " opset " + std::to_string(opset) + " round " + std::to_string(round));
        const Model m = OneNode(static_cast<uint64_t>(round)).make(*schema, opset);
        const std::string problems = m.problems();
        ++(problems.empty() ? taken : refused);
      }
    }
  }
  EXPECT_GT(taken, 1000);
  EXPECT_GT(refused, 1000);
}

std::string refusal_of_slice(const TensorProto& starts, const TensorProto& ends) {
  Model m;
  m.input("x", {3, 4}).init(starts).init(ends).output("y");
  m.node("Slice", {"x", "s", "e"}, {"y"});
  return m.problems();
}

TEST(Operands, a_wrong_rank_is_refused_by_name) {
  const std::string text = refusal_of_slice(int_tensor("s", {1}, {1}), int_tensor("e", {}, {3}));
  EXPECT_NE(text.find("input 'ends' must have rank 1, it has rank 0"), std::string::npos) << text;
  EXPECT_NE(text.find("[onnx.shape]"), std::string::npos) << text;
  EXPECT_EQ(refusal_of_slice(int_tensor("s", {1}, {1}), int_tensor("e", {1}, {3})), "");
}

TEST(Operands, a_wrong_element_type_is_refused_by_name) {
  const std::string text = refusal_of_slice(int_tensor("s", {1}, {1}), float_tensor("e", {1}, {3}));
  EXPECT_NE(text.find("input 'ends' has elements of type f32"), std::string::npos) << text;
  EXPECT_NE(text.find("[onnx.type]"), std::string::npos) << text;
}

TEST(Operands, a_type_of_a_later_version_is_taken) {
  Model m(9);
  m.input("x", {2}).input("z", {2}).output("y");
  m.node("Equal", {"x", "z"}, {"y"});  // floats since version 11
  EXPECT_EQ(m.type(), "bool[2]");
}

}  // namespace
}  // namespace tenon::onnx_import::testing
