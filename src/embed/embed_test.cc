// What cannot be embedded, on tables by hand, and names. What embedded models compute is tested
// from C: test/embed_test.py.
#include "embed/embed.h"

#include <gtest/gtest.h>

#include "embed/interface.h"
#include "machine/machine.h"

namespace tenon::embed {
namespace {

artifact::Model model() {
  artifact::Model m;
  m.name = "m";
  m.target = "x86-64-v3";
  m.stages.push_back({});
  m.registers = {3};
  return m;
}

std::string refusal(const artifact::Model& m, const Options& more = {}) {
  Options options = more;
  options.path = ::testing::TempDir() + "/refused.o";
  options.header = ::testing::TempDir() + "/refused.h";
  options.name = "m";
  const Status s = write(m, options);
  return s ? "" : s.error().diagnostics[0].code;
}

TEST(Embed, RefusesWhatTheCoreDoesNotCarryOut) {
  EXPECT_EQ(refusal(model()), "");
  artifact::Model m = model();
  m.states.emplace_back().name = "s";
  EXPECT_EQ(refusal(m), "embed.state");
  m = model();
  m.devices.emplace_back("gpu");
  EXPECT_EQ(refusal(m), "embed.device");
  m = model();
  m.host_functions.emplace_back("f");
  EXPECT_EQ(refusal(m), "embed.device");
  m = model();
  m.slots.push_back({});
  m.size_ops.push_back({artifact::SizeOpCode::element, artifact::DType::f32});
  EXPECT_EQ(refusal(m), "embed.element");
}

TEST(Embed, RefusesTargetsAndFeaturesThatItDoesNotKnow) {
  artifact::Model m = model();
  m.target = "abacus";
  EXPECT_EQ(refusal(m), "embed.target");
  m = model();
  m.needs = {"beads"};
  EXPECT_EQ(refusal(m), "embed.target");
}

TEST(Embed, KnowsWhereTheBitOfEachFeatureIs) {
  for (const machine::Machine& machine : machine::rows()) {
    artifact::Model m = model();
    m.target = machine.name;
    m.needs = machine.needs;
    m.needs.insert(m.needs.end(), machine.units.begin(), machine.units.end());
    EXPECT_EQ(refusal(m), "") << machine.name;
  }
}

TEST(Embed, LargeConstantsBelongIntoAFile) {
  artifact::Model m = model();
  m.constants.push_back({nullptr, (uint64_t{1} << 30) + 1});
  EXPECT_EQ(refusal(m), "embed.weights");
}

TEST(Embed, NamesFollowFromTheFile) {
  EXPECT_EQ(form_of("a/b.o"), Form::object);
  EXPECT_EQ(form_of("b.tenon"), std::nullopt);
  EXPECT_EQ(identifier_of("a.b/my-model.o", Form::object), "my_model");
  EXPECT_EQ(identifier_of("libdigits.a", Form::archive), "digits");
  EXPECT_EQ(identifier_of("libdigits.o", Form::object), "libdigits");
  EXPECT_EQ(identifier_of("7up.o", Form::object), "x7up");
  EXPECT_EQ(identifier_of("while.so", Form::shared), "while_");
  EXPECT_EQ(header_of("out/libdigits.so", Form::shared), "out/digits.h");
  EXPECT_TRUE(is_identifier("net_2"));
  EXPECT_FALSE(is_identifier("2net"));
  EXPECT_FALSE(is_identifier("int"));
  EXPECT_FALSE(is_identifier(""));
}

TEST(Embed, MembersOfTheStructDifferByMoreThanCase) {
  artifact::Model m = model();
  for (const char* name : {"x", "X", "x.1", "x_1"}) m.inputs.emplace_back().name = name;
  const Interface face = interface_of(m);
  EXPECT_EQ(face.inputs[0].member, "x");
  EXPECT_EQ(face.inputs[1].member, "X_2");
  EXPECT_EQ(face.inputs[2].member, "x_1");
  EXPECT_EQ(face.inputs[3].member, "x_1_2");
  EXPECT_EQ(face.words, 4U);
}

}  // namespace
}  // namespace tenon::embed
