// Lets a C++17 program report itself to pytest-sixdim: copy this file beside it.
//
//   sixdim::Run run(cards);                              // cards: of the whole job; this process speaks for all
//   while (run.epoch(30)) {
//     while (more batches && !run.done()) { train(); run.step(samples, loss); }   // samples: of all cards
//     if (!run.done()) run.evaluation(held_out, [&] { return accuracy(); });      // the clock stands still
//   }
//   return run.finish();
//
// A run of role "window" is done after its last segment, a "full" one once the target is met too. Under the agent
// SIXDIM_RUN names a file with what is asked for; by hand defaults hold. The lines go to stdout (docs/formats.md).
// Cards that work on after a call returns: give `synchronize`, which waits until all of them are done.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace sixdim {

class Run {
 public:
  std::function<void()> synchronize = [] {};

  explicit Run(int cards, const std::string& data = "real") {
    if (const char* path = std::getenv("SIXDIM_RUN")) {
      std::ifstream file(path);
      told_.assign(std::istreambuf_iterator<char>(file), {});
    }
    window_ = text("role").rfind("\"window\"", 0) == 0;
    left_ = length_ = std::max(1L, std::lround(number("warmup_steps", 50)) / 2);
    print("start", {{"world_size", double(cards)}}, ", \"role\": \"" + std::string(window_ ? "window" : "full") +
          "\", \"data\": \"" + data + "\", \"versions\": {\"compiler\": \"" + __VERSION__ + "\"}");
  }

  // Seconds, samples, steps of a case (the names of run.json); `otherwise` where nobody asks for anything.
  double number(const char* name, double otherwise) const {
    const std::string found = text(name);
    char* end = nullptr;
    const double value = std::strtod(found.c_str(), &end);
    return end == found.c_str() ? otherwise : value;
  }

  bool complete() const { return segments_ >= number("segments", 5); }
  bool done() const { return complete() && (window_ || (met_ && trained_ >= number("budget", 0))); }

  // Begins the next epoch, unless the run is done or has had `count`; asked for segments, it goes on until they are complete.
  bool epoch(int count) { return !done() && (epoch_ < count || (!told_.empty() && !complete())) && ++epoch_; }

  void step(long samples, double loss) {
    ++steps_, trained_ += samples, samples_ += samples, loss_ = loss;
    if (--left_ == 0) border();
  }

  template <class Evaluate>
  void evaluation(long samples, Evaluate evaluate) {
    synchronize();
    const double began = now();
    seconds_ += began - since_;
    const double value = evaluate(), target = number("target", std::numeric_limits<double>::quiet_NaN());
    met_ = met_ || std::isnan(target) || (text("better").rfind("\"lower\"", 0) == 0 ? value <= target : value >= target);
    since_ = now();
    print("evaluation", {{"value", value}, {"samples", double(samples)}, {"seconds", since_ - began}, {"epoch", double(epoch_)},
                         {"step", double(steps_)}, {"trained_samples", double(trained_)}});
  }

  int finish() {
    const bool missed = !window_ && !met_ && !std::isnan(number("target", NAN));
    print("end", {}, std::string(", \"status\": \"") + (window_ && !complete() ? "failed" : missed ? "target_missed" : "success") + "\"");
    return 0;
  }

 private:
  static double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

  std::string text(const std::string& name) const {
    const auto at = told_.find('"' + name + "\":");
    return at == std::string::npos ? "" : told_.substr(told_.find_first_not_of(" \n", at + name.size() + 3));
  }

  void border() {
    synchronize();
    const double seconds = seconds_ + now() - since_;
    print("progress", {{"step", double(steps_)}, {"loss", loss_}});
    if (warm_) {
      print("segment", {{"index", double(++segments_)}, {"samples", double(samples_)}, {"seconds", seconds}, {"steps", double(length_)}, {"loss", loss_}});
    } else if ((warm_ = warmed_up(seconds))) {
      print("warmup_end", {{"step", double(steps_)}});
    }
    left_ = length_, samples_ = 0, seconds_ = 0, since_ = now();
  }

  // The first half of warm-up compiles, the second times a step; a steady one goes on until three segments agree within 1 %.
  bool warmed_up(double seconds) {
    warming_ += seconds;
    if (++stretches_ == 1) return length_ = std::max(1L, std::lround(number("warmup_steps", 50)) - length_), false;
    if (stretches_ > 2) speeds_.push_back(samples_ / seconds);
    const double step = seconds / length_, asked = number("segment_steps", 50);
    const double most = asked * step > 120 ? std::max(10.0, std::ceil(1.05 * 120 / step)) : asked;  // 120 s are enough
    length_ = std::lround(std::max(std::min(asked, most), std::ceil(1.05 * number("segment_seconds", 1) / step)));
    if (text("steady").rfind("true", 0) != 0 || warming_ >= 600) return true;
    const auto last = speeds_.end() - std::min<std::ptrdiff_t>(3, speeds_.size());
    return speeds_.size() >= 3 && *std::max_element(last, speeds_.end()) <= 1.01 * *std::min_element(last, speeds_.end());
  }

  // One line, flushed: the agent reads it at once.
  static void print(const char* event, std::initializer_list<std::pair<const char*, double>> numbers, const std::string& more = "") {
    std::string line = std::string("[sixdim] {\"event\": \"") + event + "\"" + more;
    char digits[64];
    for (const auto& [name, value] : numbers) {
      std::snprintf(digits, sizeof digits, "%.17g", value);
      line += std::string(", \"") + name + "\": " + (std::isfinite(value) ? digits : "NaN");
    }
    std::snprintf(digits, sizeof digits, ", \"t\": %.6f}\n", now());
    std::fputs((line + digits).c_str(), stdout);
    std::fflush(stdout);
  }

  std::string told_;
  std::vector<double> speeds_;
  bool window_ = false, warm_ = false, met_ = false;
  long steps_ = 0, trained_ = 0, samples_ = 0, left_ = 0, length_ = 0, segments_ = 0, stretches_ = 0;
  int epoch_ = 0;
  double loss_ = 0, seconds_ = 0, warming_ = 0, since_ = now();
};

}  // namespace sixdim
