// The job of ../README.md in C++17 and OpenMP: one process, one thread a card. By hand:
//   make && ./digits --data digits.csv --cards 2
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <numeric>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "sixdim.hpp"

using Numbers = std::vector<float>;

constexpr int SIDE = 8, PIXELS = SIDE * SIDE, CLASSES = 10;
constexpr float RATE = 0.01f, MOMENTUM = 0.9f;  // the rate of one card

struct Images {
  Numbers pixels;  // a row of 64 an image, in [0, 1]
  std::vector<int> labels;

  int count() const { return static_cast<int>(labels.size()); }
  const float* image(int index) const { return &pixels[static_cast<std::size_t>(index) * PIXELS]; }

  // Adds an image moved down and right, zeros moving in.
  void add(const float* image, int label, int down, int right) {
    for (int y = 0; y < SIDE; ++y)
      for (int x = 0; x < SIDE; ++x) {
        const int from_y = y - down, from_x = x - right;
        const bool inside = from_y >= 0 && from_y < SIDE && from_x >= 0 && from_x < SIDE;
        pixels.push_back(inside ? image[from_y * SIDE + from_x] : 0.0f);
      }
    labels.push_back(label);
  }
};

// Lines of 64 numbers from 0 to 16 and the digit, as scikit-learn keeps them.
Images read_digits(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read; `make digits.csv` writes it");
  Images digits;
  for (std::string line; std::getline(file, line);) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream numbers(line);
    for (int pixel = 0; pixel < PIXELS; ++pixel) {
      float value = 0;
      numbers >> value;
      digits.pixels.push_back(value / 16);
    }
    int label = -1;
    if (!(numbers >> label) || label < 0 || label >= CLASSES)
      throw std::runtime_error(path + ":" + std::to_string(digits.count() + 1) + ": not 64 numbers and a digit");
    digits.labels.push_back(label);
  }
  return digits;
}

// Every fifth image of the list sorted by class is held out; the others are trained on, each moved nine ways.
void divide(const Images& digits, Images& trained, Images& held_out) {
  std::vector<int> order(digits.labels.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return digits.labels[a] < digits.labels[b]; });
  for (int place = 0; place < digits.count(); ++place) {
    const float* image = digits.image(order[place]);
    const int label = digits.labels[order[place]];
    if (place % 5 == 0) {
      held_out.add(image, label, 0, 0);
      continue;
    }
    for (int move = 0; move < 9; ++move) trained.add(image, label, move / 3 - 1, move % 3 - 1);
  }
}

// out (rows x columns) = left (rows x inner, or inner x rows where `transposed`) * right (inner x columns).
// Tiles of 4 x 16 stay in registers, 16 columns of `right` in the cache: rows are a multiple of 4, columns of 16.
void multiply(const float* left, bool transposed, const float* right, float* out, int rows, int inner, int columns) {
  const int by_row = transposed ? 1 : inner, by_inner = transposed ? rows : 1;
  Numbers panel(std::size_t(inner) * 16);
  for (int column = 0; column < columns; column += 16) {
    for (int k = 0; k < inner; ++k) std::copy_n(right + k * columns + column, 16, &panel[k * 16]);
    for (int row = 0; row < rows; row += 4) {
      float sum[4][16] = {};
      for (int k = 0; k < inner; ++k)
        for (int i = 0; i < 4; ++i) {
          const float factor = left[(row + i) * by_row + k * by_inner];
#pragma omp simd
          for (int j = 0; j < 16; ++j) sum[i][j] += factor * panel[k * 16 + j];
        }
      for (int i = 0; i < 4; ++i) std::copy_n(sum[i], 16, out + (row + i) * columns + column);
    }
  }
}

// Where a dense layer's numbers lie among all: weights (inputs x outputs), then biases.
struct Layer {
  int inputs, outputs;
  std::size_t weights, biases;
};

// 64 - 512 - 512 - 10. The last layer has 16 outputs, of which six are never used and never change.
struct Network {
  std::vector<Layer> layers;
  Numbers numbers, speeds;

  explicit Network(std::mt19937& random) {
    const int sizes[] = {PIXELS, 512, 512, 16};
    for (int i = 0; i < 3; ++i) {
      layers.push_back({sizes[i], sizes[i + 1], numbers.size(), numbers.size() + std::size_t(sizes[i]) * sizes[i + 1]});
      const float bound = std::sqrt(6.0f / static_cast<float>(sizes[i]));
      std::uniform_real_distribution<float> weight(-bound, bound);
      for (int k = 0; k < sizes[i] * sizes[i + 1]; ++k) numbers.push_back(weight(random));
      numbers.resize(numbers.size() + sizes[i + 1], 0.0f);
    }
    speeds.resize(numbers.size());
  }
};

// What one card needs for its part of a batch.
struct Card {
  std::vector<Numbers> outputs;  // of the images and of every layer
  Numbers gradient, slopes, before, turned;
  std::vector<int> labels;
  double loss = 0;
  int right = 0;

  void take(const Images& images, const int* chosen, int count) {
    outputs.resize(4);
    outputs[0].clear();
    labels.clear();
    for (int i = 0; i < count; ++i) {
      outputs[0].insert(outputs[0].end(), images.image(chosen[i]), images.image(chosen[i]) + PIXELS);
      labels.push_back(images.labels[chosen[i]]);
    }
  }

  void forward(const Network& network) {
    const int rows = static_cast<int>(labels.size());
    for (std::size_t i = 0; i < 3; ++i) {
      const Layer& layer = network.layers[i];
      Numbers& out = outputs[i + 1];
      out.resize(std::size_t(rows) * layer.outputs);
      multiply(outputs[i].data(), false, &network.numbers[layer.weights], out.data(), rows, layer.inputs, layer.outputs);
      for (int row = 0; row < rows; ++row)
        for (int k = 0; k < layer.outputs; ++k) {
          float& value = out[row * layer.outputs + k];
          value += network.numbers[layer.biases + k];
          if (i < 2) value = std::max(value, 0.0f);
        }
    }
  }

  // Cross-entropy, the mean of this part; `slopes` become its derivatives by the scores.
  void judge() {
    const int rows = static_cast<int>(labels.size());
    slopes.assign(outputs[3].size(), 0.0f);
    loss = right = 0;
    for (int row = 0; row < rows; ++row) {
      const float* scores = &outputs[3][row * 16];
      const float most = *std::max_element(scores, scores + CLASSES);
      float sum = 0;
      for (int k = 0; k < CLASSES; ++k) sum += std::exp(scores[k] - most);
      for (int k = 0; k < CLASSES; ++k)
        slopes[row * 16 + k] = (std::exp(scores[k] - most) / sum - float(k == labels[row])) / static_cast<float>(rows);
      loss += (std::log(sum) + most - scores[labels[row]]) / rows;
      right += std::max_element(scores, scores + CLASSES) - scores == labels[row];
    }
  }

  void backward(const Network& network) {
    const int rows = static_cast<int>(labels.size());
    gradient.resize(network.numbers.size());
    for (int i = 2; i >= 0; --i) {
      const Layer& layer = network.layers[i];
      multiply(outputs[i].data(), true, slopes.data(), &gradient[layer.weights], layer.inputs, rows, layer.outputs);
      std::fill_n(&gradient[layer.biases], layer.outputs, 0.0f);
      for (int row = 0; row < rows; ++row)
        for (int k = 0; k < layer.outputs; ++k) gradient[layer.biases + k] += slopes[row * layer.outputs + k];
      if (i == 0) return;
      turned.resize(std::size_t(layer.inputs) * layer.outputs);
      for (int in = 0; in < layer.inputs; ++in)
        for (int out = 0; out < layer.outputs; ++out)
          turned[out * layer.inputs + in] = network.numbers[layer.weights + in * layer.outputs + out];
      before.resize(std::size_t(rows) * layer.inputs);
      multiply(slopes.data(), false, turned.data(), before.data(), rows, layer.outputs, layer.inputs);
      for (std::size_t k = 0; k < before.size(); ++k)
        if (outputs[i][k] <= 0) before[k] = 0;
      slopes.swap(before);
    }
  }
};

// One step on all cards at once: each takes its part, then all sum the gradients and move the weights, each a share.
double train_step(Network& network, std::vector<Card>& cards, const Images& images, const int* chosen, int batch_size) {
  const int count = static_cast<int>(cards.size());
  const auto size = static_cast<std::int64_t>(network.numbers.size());
#pragma omp parallel num_threads(count)
  {
    const int mine = omp_get_thread_num();
    cards[mine].take(images, chosen + mine * batch_size, batch_size);
    cards[mine].forward(network);
    cards[mine].judge();
    cards[mine].backward(network);
#pragma omp barrier
#pragma omp for schedule(static)
    for (std::int64_t i = 0; i < size; ++i) {
      float slope = 0;
      for (const Card& card : cards) slope += card.gradient[i];
      network.speeds[i] = MOMENTUM * network.speeds[i] + slope / static_cast<float>(count);
      network.numbers[i] -= RATE * static_cast<float>(count) * network.speeds[i];
    }
  }
  return std::accumulate(cards.begin(), cards.end(), 0.0, [](double sum, const Card& card) { return sum + card.loss; }) / count;
}

double accuracy(const Network& network, Card& card, const Images& images) {
  std::vector<int> all(images.labels.size());
  std::iota(all.begin(), all.end(), 0);
  card.take(images, all.data(), images.count());
  card.forward(network);
  card.judge();
  return 100.0 * card.right / images.count();
}

int train(const std::map<std::string, std::string>& given) {
  const auto number = [&](const char* name, int otherwise) { return given.count(name) ? std::stoi(given.at(name)) : otherwise; };
  const int count = number("--cards", 1), batch_size = number("--batch-size", 64);
  if (count < 1 || batch_size < 4 || batch_size % 4 != 0)
    throw std::invalid_argument("--cards must be 1 at least, --batch-size a multiple of 4");
  omp_set_dynamic(0);
  int threads = 0;
#pragma omp parallel num_threads(count)
#pragma omp single
  threads = omp_get_num_threads();
  if (threads != count) throw std::runtime_error(std::to_string(threads) + " threads for " + std::to_string(count) + " cards");

  Images trained, held_out;
  divide(read_digits(given.count("--data") ? given.at("--data") : "digits.csv"), trained, held_out);
  std::mt19937 random(static_cast<unsigned>(number("--seed", 1)));
  Network network(random);
  std::vector<Card> cards(count);
  std::vector<int> order(trained.labels.size());
  std::iota(order.begin(), order.end(), 0);

  sixdim::Run run(count);
  const int step = count * batch_size;
  if (trained.count() < step) throw std::runtime_error("fewer images than a step needs");
  while (run.epoch(number("--epochs", 15))) {
    std::shuffle(order.begin(), order.end(), random);
    for (int first = 0; first + step <= trained.count() && !run.done(); first += step)
      run.step(step, train_step(network, cards, trained, &order[first], batch_size));
    if (!run.done()) run.evaluation(held_out.count(), [&] { return accuracy(network, cards[0], held_out); });
  }
  return run.finish();
}

int main(int count, char** arguments) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < count; i += 2) given[arguments[i]] = arguments[i + 1];
  try {
    return train(given);
  } catch (const std::exception& error) {
    std::cerr << "digits: " << error.what() << "\n";
    return 1;
  }
}
